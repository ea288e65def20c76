//! What a decoded photo looks like to a program: sharp or blurred, and how alike two of them are.

use std::hash::{DefaultHasher, Hash, Hasher};

use image::{GrayImage, RgbImage, imageops};

/// Shorter side at which sharpness is measured, in pixels: so it says the same of a photo and of its enlargement.
const SHARPNESS_SIDE: u32 = 256;
/// Photos with less [`Look::sharpness`] are blurred. 42 photos of things, animals and drawings at 512 pixels have 158 to
/// 1917; under a Gaussian blur with a sigma of 4 of 512 pixels they all have less than 12, with one of 2 pixels 14 to 88.
const BLURRED_BELOW: f64 = 40.0;

/// Side of the grey thumbnails that are compared.
const THUMBNAIL_SIDE: u32 = 16;
/// Thumbnails with less [`Look::distance`] show the same photo. Of the same 42 photos any two have 0.027 (drawings of one
/// figure on white) or more; a photo and its copy at half the size and JPEG quality 50 have less than 0.0004.
const ALIKE_BELOW: f32 = 0.02;

/// What is remembered of a photo to tell what is peculiar about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// The variance of the Laplacian (Pech-Pacheco et al., 2000) of the grey picture, in grey levels squared.
    pub sharpness: f64,
    /// Grey thumbnail with mean 0 and variance 1.
    thumbnail: Vec<f32>,
    /// A hash of the pixels.
    pixels: u64,
}

impl Look {
    /// Looks at a decoded photo.
    #[must_use]
    pub fn of(picture: &RgbImage) -> Self {
        let mut hasher = DefaultHasher::new();
        (picture.dimensions(), picture.as_raw()).hash(&mut hasher);
        let grey = small_and_grey(picture);
        Self {
            size: picture.dimensions(),
            sharpness: variance_of_laplacian(grey.width() as usize, grey.as_raw()),
            thumbnail: thumbnail(&grey),
            pixels: hasher.finish(),
        }
    }

    /// The shorter side, in pixels.
    #[must_use]
    pub fn shorter_side(&self) -> u32 {
        self.size.0.min(self.size.1)
    }

    /// True when hardly any detail is left. A photo that is only small is not called blurred.
    #[must_use]
    pub fn is_blurred(&self) -> bool {
        self.sharpness < BLURRED_BELOW
    }

    /// True when both are the same picture, pixel by pixel.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.size, self.pixels) == (other.size, other.pixels)
    }

    /// True when both are nearly the same picture, such as one photo at two sizes or compressed twice.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        self.distance(other) < ALIKE_BELOW
    }

    /// One less the correlation of the thumbnails: 0 for the same picture, whatever its brightness and contrast.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f32 {
        let products: f32 = self.thumbnail.iter().zip(&other.thumbnail).map(|(a, b)| a * b).sum();
        1.0 - products / self.thumbnail.len() as f32
    }
}

/// The picture in grey, its shorter side at most `SHARPNESS_SIDE`: the mean over the area of each new pixel.
fn small_and_grey(picture: &RgbImage) -> GrayImage {
    let (width, height) = picture.dimensions();
    let short = width.min(height).max(1);
    if short <= SHARPNESS_SIDE {
        return imageops::grayscale(picture);
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(SHARPNESS_SIDE) / u64::from(short)) as u32;
    imageops::grayscale(&imageops::thumbnail(picture, scaled(width), scaled(height)))
}

fn variance_of_laplacian(width: usize, grey: &[u8]) -> f64 {
    let height = grey.len() / width.max(1);
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let at = |x: usize, y: usize| f64::from(grey[y * width + x]);
            let laplacian = 4.0 * at(x, y) - at(x - 1, y) - at(x + 1, y) - at(x, y - 1) - at(x, y + 1);
            count += 1.0;
            sum += laplacian;
            squares += laplacian * laplacian;
        }
    }
    if count == 0.0 { 0.0 } else { squares / count - (sum / count) * (sum / count) }
}

/// The thumbnail with mean 0 and variance 1; all zeros for a picture of one colour, which is so like no other.
fn thumbnail(grey: &GrayImage) -> Vec<f32> {
    let small = imageops::thumbnail(grey, THUMBNAIL_SIDE, THUMBNAIL_SIDE);
    let grey: Vec<f32> = small.as_raw().iter().map(|&value| f32::from(value)).collect();
    let count = grey.len() as f32;
    let mean = grey.iter().sum::<f32>() / count;
    let deviation = (grey.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt();
    let scale = if deviation < 1e-3 { 0.0 } else { 1.0 / deviation };
    grey.into_iter().map(|value| (value - mean) * scale).collect()
}
