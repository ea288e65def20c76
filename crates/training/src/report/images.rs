//! The images of a training, as its report tells of them.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{RgbImage, imageops};
use serde::Serialize;

use crate::dataset::{CaptionSource, Photo, Role};

/// Longer side of a preview in pixels: twice what a page shows, for sharp screens.
const PREVIEW_SIDE: u32 = 96;
/// JPEG quality of previews, at which one takes about 3 kB.
const PREVIEW_QUALITY: u8 = 72;

/// An image and what it was trained as.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageReport {
    /// Its path in the data set.
    pub file: String,
    /// Its caption.
    pub caption: String,
    /// Where that comes from.
    pub caption_source: CaptionSource,
    /// Width in pixels, turned upright where that was asked for.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Which concept of the request it belongs to, from 0.
    pub concept: usize,
    /// What it was trained for.
    pub role: Role,
    /// What it looks like; for the page alone.
    #[serde(skip)]
    pub preview: Preview,
}

impl From<&Photo> for ImageReport {
    fn from(photo: &Photo) -> Self {
        Self {
            file: photo.name.display().to_string(),
            caption: photo.caption.clone(),
            caption_source: photo.caption_source,
            width: photo.size.0,
            height: photo.size.1,
            concept: photo.concept,
            role: photo.role,
            preview: photo.preview.clone(),
        }
    }
}

/// A small JPEG file of a picture; empty where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview(Vec<u8>);

impl Preview {
    /// Of a decoded photo.
    pub fn of(picture: &RgbImage) -> Self {
        Self::within(picture, PREVIEW_SIDE)
    }

    /// Of a picture whose longer side becomes `side` pixels at most.
    pub(crate) fn within(picture: &RgbImage, side: u32) -> Self {
        let (width, height) = picture.dimensions();
        let longer = u64::from(width.max(height).max(1));
        let scaled = |length: u32| (u64::from(length) * u64::from(side) / longer).max(1) as u32;
        let small = if longer > u64::from(side) {
            imageops::thumbnail(picture, scaled(width), scaled(height))
        } else {
            picture.clone()
        };
        let mut file = Cursor::new(Vec::new());
        let written = JpegEncoder::new_with_quality(&mut file, PREVIEW_QUALITY).encode_image(&small);
        // A picture that cannot be shown is no reason to fail.
        Self(if written.is_ok() { file.into_inner() } else { Vec::new() })
    }

    /// The JPEG file's bytes.
    pub fn jpeg(&self) -> &[u8] {
        &self.0
    }
}
