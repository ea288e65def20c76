//! From a photo's file to its pixels: decode, turn upright.

use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::dataset::Photo;
use crate::error::{Result, TrainingError};

/// Most pixels of a photo, checked before it is decoded: the largest phone cameras' full frames. Decoding one takes up to
/// 0.8 GB.
pub const PIXELS_MAX: u64 = 100_000_000;
/// Largest file of a photo: well above a 100 megapixel PNG of 8 bits.
pub const FILE_BYTES_MAX: u64 = 400_000_000;
/// Most memory the decoder may take: a 16-bit RGBA picture of `PIXELS_MAX`, with room for its rows.
const DECODER_BYTES_MAX: u64 = 1_000_000_000;
/// Longest side as a multiple of the shorter one; past it, scaling the shorter side up would make a giant of a strip.
const ASPECT_MAX: u32 = 10;

/// Reads a photo and, where it says so, turns it upright as its EXIF orientation tells (the original ignored that: spec
/// section 6, quirk 5). What a file is, its content says, not its name.
/// Transparency is dropped, grey and palettes become RGB, as there.
///
/// # Errors
/// A sentence that names the file when it cannot be read, is damaged, cut short, too large or no picture.
pub fn decode(photo: &Photo) -> Result<RgbImage> {
    let unusable = |reason: String| TrainingError::Image { path: photo.name.clone(), reason };
    let bytes = read(&photo.path, &photo.name)?;
    let mut reader = ImageReader::new(std::io::Cursor::new(bytes.as_slice()))
        .with_guessed_format()
        .map_err(|error| unusable(error.to_string()))?;
    if reader.format() == Some(ImageFormat::Jpeg) && !jpeg_is_complete(&bytes) {
        return Err(unusable("the file ends before the picture does".into()));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| unusable(error.to_string()))?;
    let (width, height) = decoder.dimensions();
    refuse_size(width, height).map_err(unusable)?;
    // A damaged EXIF block does not make the picture unusable: it then stays as it is stored.
    let orientation = if photo.exif_orientation { decoder.orientation().ok() } else { None };
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| unusable(error.to_string()))?;
    picture.apply_orientation(orientation.unwrap_or(Orientation::NoTransforms));
    Ok(picture.into_rgb8())
}

/// The file's bytes, refused unread when they are too many.
fn read(path: &Path, name: &Path) -> Result<Vec<u8>> {
    let failed = |source| TrainingError::Read { path: name.to_path_buf(), source };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > FILE_BYTES_MAX {
        let reason = format!("it has {length} bytes, but at most {FILE_BYTES_MAX} are read");
        return Err(TrainingError::Image { path: name.to_path_buf(), reason });
    }
    std::fs::read(path).map_err(failed)
}

/// The reason to refuse a picture of this size.
fn refuse_size(width: u32, height: u32) -> std::result::Result<(), String> {
    let (short, long) = (width.min(height), width.max(height));
    if short == 0 {
        return Err("it has no pixels".into());
    }
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(format!("it has {width} x {height} pixels, but at most {PIXELS_MAX} are decoded"));
    }
    if long > short.saturating_mul(ASPECT_MAX) {
        return Err(format!("it is {width} x {height} pixels, more than {ASPECT_MAX} times longer on one side"));
    }
    Ok(())
}

/// True when a JPEG's end-of-image marker follows its scans. Decoders fill what is missing with grey and report nothing,
/// so a download that broke off would be trained on half empty.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    const END_OF_IMAGE: u8 = 0xD9;
    let mut at = 2; // behind the start-of-image marker
    loop {
        // To the next marker: 0xFF and neither a stuffed zero, a fill byte nor a restart marker.
        let Some(found) = bytes.get(at..).and_then(|rest| rest.windows(2).position(is_marker)) else { return false };
        let (marker, segment) = (bytes[at + found + 1], at + found + 2);
        if marker == END_OF_IMAGE {
            return true;
        }
        let Some(&[high, low]) = bytes.get(segment..segment + 2) else { return false };
        at = segment + usize::from(u16::from_be_bytes([high, low]));
    }
}

fn is_marker(pair: &[u8]) -> bool {
    pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF | 0xD0..=0xD7)
}
