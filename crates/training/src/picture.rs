//! From a photo's file to square pictures for the VAE: decode, turn upright, scale, crop.

use std::path::Path;

use engine::tch::{Kind, Tensor};
use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::dataset::Photo;
use crate::error::{Result, TrainingError};
use crate::noise::{Stream, Streams};

/// Most pixels of a photo, checked before it is decoded: the largest phone cameras' full frames. Decoding one takes up to
/// 0.8 GB.
pub const PIXELS_MAX: u64 = 100_000_000;
/// Largest file of a photo: well above a 100 megapixel PNG of 8 bits.
pub const FILE_BYTES_MAX: u64 = 400_000_000;
/// Most memory the decoder may take: a 16-bit RGBA picture of `PIXELS_MAX`, with room for its rows.
const DECODER_BYTES_MAX: u64 = 1_000_000_000;
/// Longest side as a multiple of the shorter one; past it, scaling the shorter side up would make a giant of a strip.
const ASPECT_MAX: u32 = 10;
/// Most crops kept of one image.
pub const CROPS_PER_IMAGE_MAX: usize = 4;
/// Above this number of crops in all, images get fewer; it bounds the latents kept (at 512 pixels 131 kB each).
const CROPS_MAX: usize = 400;

/// Reads a photo and turns it upright as its EXIF orientation says (the original ignored it: spec section 6, quirk 5).
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
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| unusable(error.to_string()))?;
    picture.apply_orientation(orientation);
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

/// The picture with its shorter side scaled to `resolution`: bilinear over the area of each new pixel (antialiased), the
/// longer side rounded down, as Pillow does it. Small pictures grow.
pub fn scale(picture: &RgbImage, resolution: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let short = width.min(height);
    if short == resolution {
        return picture.clone();
    }
    let scaled = |side: u32| (u64::from(resolution) * u64::from(side) / u64::from(short)) as u32;
    imageops::resize(picture, scaled(width), scaled(height), FilterType::Triangle)
}

/// How many crops each of `images` images gets.
pub fn crops_per_image(images: usize) -> usize {
    (CROPS_MAX / images.max(1)).clamp(1, CROPS_PER_IMAGE_MAX)
}

/// Left upper corners of the crops of a scaled picture.
///
/// The original drew one random crop per image and kept it for the whole stage, which may cut a head off for good. Here an
/// image that is not square gets several random crops and every step chooses among them; where only one is affordable it
/// is the centre (spec section 8). A square picture has one crop: itself.
pub fn crop_corners(
    picture: &RgbImage,
    resolution: u32,
    crops: usize,
    streams: Streams,
    image: usize,
) -> Vec<(u32, u32)> {
    let (free_x, free_y) = (picture.width() - resolution, picture.height() - resolution);
    if crops <= 1 || (free_x, free_y) == (0, 0) {
        return vec![(free_x / 2, free_y / 2)];
    }
    let place = |index, free: u32| streams.below(Stream::CropPlace, image as u64, index, free as usize + 1) as u32;
    (0..crops).map(|crop| (place(2 * crop, free_x), place(2 * crop + 1, free_y))).collect()
}

/// The square of `resolution` pixels at `corner`, `[1, 3, resolution, resolution]` f32 in [-1, 1].
pub fn crop(picture: &RgbImage, (left, top): (u32, u32), resolution: u32) -> Tensor {
    let square = imageops::crop_imm(picture, left, top, resolution, resolution).to_image();
    let side = i64::from(resolution);
    let pixels = Tensor::from_slice(square.as_raw()).reshape([1, side, side, 3]).permute([0, 3, 1, 2]);
    (pixels.to_kind(Kind::Float) / 127.5 - 1.0).contiguous()
}
