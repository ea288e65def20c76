//! From a photo's pixels to what the VAE sees: which frame it gets, and where it is cut to that.

use engine::tch::{Kind, Tensor};
use image::RgbImage;
use image::imageops::{self, FilterType};
use protocol::Crop;

use crate::dataset::{Photo, Role};
use crate::noise::{Stream, Streams};

/// Above this number of crops in all, images get fewer; it bounds the latents kept (at 512 pixels 131 kB each).
const CROPS_MAX: usize = 400;
/// Sides of buckets are multiples of this, in pixels: so the UNet's smallest map has whole pixels.
const BUCKET_STEP: u32 = 64;
/// Class images are cut at addresses of their own, above those of the concepts' photos.
const CLASS_ADDRESS: u64 = 1 << 32;

/// The size of a picture that is encoded, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Frame {
    /// Its width, a multiple of 8.
    pub width: u32,
    /// Its height, a multiple of 8.
    pub height: u32,
}

impl Frame {
    /// A square.
    pub fn square(side: u32) -> Self {
        Self { width: side, height: side }
    }

    /// How far its shape is from that of a picture: the difference of the logarithms of their aspects.
    fn distance(self, (width, height): (u32, u32)) -> f64 {
        let aspect = |width: u32, height: u32| (f64::from(width.max(1)) / f64::from(height.max(1))).ln();
        (aspect(self.width, self.height) - aspect(width, height)).abs()
    }
}

/// How the photos of a stage are cut. Stages with equal framing see the same pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// Side of the squares in pixels, a multiple of 64; the square root of the largest area of buckets.
    pub resolution: u32,
    /// Whether photos keep about their shape, in frames of the same area, instead of being cut to squares.
    pub buckets: bool,
    /// Whether photos are cut at random places or in their centre.
    pub crop: Crop,
    /// How many random crops are kept of a photo; fewer where there are many photos.
    pub crops: usize,
    /// Whether every crop is also encoded mirrored.
    pub mirrored: bool,
    /// Where the crops' places come from.
    pub streams: Streams,
}

impl Framing {
    /// One crop in the centre and no mirroring: for photos that are only looked at.
    #[must_use]
    pub fn centred(self) -> Self {
        Self { crop: Crop::Center, crops: 1, mirrored: false, ..self }
    }

    /// The frames that each photo is cut to, at least one.
    ///
    /// A concept's photo gets one: the square, or the bucket of the nearest shape. A class image gets the nearest one of
    /// those; and where a frame has none, the class images that come nearest to it are cut to it also, as many as are its
    /// share.
    pub fn frames(&self, photos: &[&Photo]) -> Vec<Vec<Frame>> {
        let buckets = if self.buckets { buckets(self.resolution) } else { vec![Frame::square(self.resolution)] };
        let instances = photos.iter().filter(|photo| photo.role == Role::Instance);
        let taken: Vec<Frame> = instances.map(|photo| nearest(&buckets, photo.size)).collect();
        let mut used = taken.clone();
        used.sort_unstable();
        used.dedup();
        let mut next = taken.iter();
        let mut frames: Vec<Vec<Frame>> = photos
            .iter()
            .map(|photo| match photo.role {
                Role::Instance => next.next().copied().into_iter().collect(),
                Role::Class if used.is_empty() => vec![nearest(&buckets, photo.size)],
                Role::Class => vec![nearest(&used, photo.size)],
            })
            .collect();

        let mut class: Vec<usize> = (0..photos.len()).filter(|&index| photos[index].role == Role::Class).collect();
        for &frame in &used {
            if class.iter().any(|&image| frames[image][0] == frame) {
                continue;
            }
            let share = (class.len() * taken.iter().filter(|&&other| other == frame).count()).div_ceil(taken.len());
            class.sort_by(|&a, &b| frame.distance(photos[a].size).total_cmp(&frame.distance(photos[b].size)));
            class.iter().take(share).for_each(|&image| frames[image].push(frame));
        }
        frames
    }

    /// All pictures `[1, 3, height, width]` of a photo in `frame`: one for each crop. `crops` of them are random; `index`
    /// is the photo's number among those of its role.
    pub fn cut(&self, picture: &RgbImage, frame: Frame, crops: usize, role: Role, index: usize) -> Vec<Tensor> {
        let scaled = scale(picture, frame);
        let address = index as u64 + if role == Role::Class { CLASS_ADDRESS } else { 0 };
        let corners = match self.crop {
            Crop::Center => vec![centre(&scaled, frame)],
            Crop::Random => random_corners(&scaled, frame, crops, self.streams, address),
        };
        corners.into_iter().map(|corner| crop(&scaled, corner, frame)).collect()
    }
}

/// The frames of `resolution`² pixels or hardly less: for each width that is a multiple of 64 the largest such height, and
/// no side longer than twice the resolution or shorter than half of it (kohya's rule).
pub fn buckets(resolution: u32) -> Vec<Frame> {
    let area = resolution * resolution;
    let (shortest, longest) = ((resolution / 2).max(BUCKET_STEP), 2 * resolution);
    let mut frames = vec![Frame::square(resolution)];
    for width in (1..=longest / BUCKET_STEP).map(|steps| steps * BUCKET_STEP).filter(|&width| width >= shortest) {
        let height = (area / width / BUCKET_STEP * BUCKET_STEP).min(longest);
        if height >= shortest {
            frames.extend([Frame { width, height }, Frame { width: height, height: width }]);
        }
    }
    frames.sort_unstable();
    frames.dedup();
    frames
}

/// The frame whose shape comes nearest to a picture of `size`; of two alike, the larger one.
fn nearest(frames: &[Frame], size: (u32, u32)) -> Frame {
    let order = |a: &&Frame, b: &&Frame| {
        let area = |frame: &Frame| frame.width * frame.height;
        a.distance(size).total_cmp(&b.distance(size)).then(area(b).cmp(&area(a)))
    };
    frames.iter().min_by(order).copied().expect("there is at least the square")
}

/// The picture scaled until it just covers `frame`: bilinear over the area of each new pixel (antialiased), the side that
/// is too long rounded down, as Pillow does it. Small pictures grow.
pub fn scale(picture: &RgbImage, frame: Frame) -> RgbImage {
    let (width, height) = (u64::from(picture.width().max(1)), u64::from(picture.height().max(1)));
    let (frame_width, frame_height) = (u64::from(frame.width), u64::from(frame.height));
    let (new_width, new_height) = if width * frame_height >= height * frame_width {
        ((frame_height * width / height) as u32, frame.height)
    } else {
        (frame.width, (frame_width * height / width) as u32)
    };
    if (new_width, new_height) == picture.dimensions() {
        return picture.clone();
    }
    imageops::resize(picture, new_width, new_height, FilterType::Triangle)
}

/// How many random crops each of `images` images gets, of the `wanted` ones.
pub fn crops_per_image(images: usize, wanted: usize) -> usize {
    (CROPS_MAX / images.max(1)).clamp(1, wanted.max(1))
}

/// Left upper corners of `crops` crops of a scaled picture; `address` is the image.
///
/// The original drew one random crop per image and kept it for the whole stage, which may cut a head off for good. With
/// several crops every step chooses among them. A picture of the frame's size has one crop: itself.
pub fn random_corners(
    picture: &RgbImage,
    frame: Frame,
    crops: usize,
    streams: Streams,
    address: u64,
) -> Vec<(u32, u32)> {
    let (free_x, free_y) = free(picture, frame);
    if (free_x, free_y) == (0, 0) {
        return vec![(0, 0)];
    }
    let place = |index, free: u32| streams.below(Stream::CropPlace, address, index, free as usize + 1) as u32;
    (0..crops.max(1)).map(|crop| (place(2 * crop, free_x), place(2 * crop + 1, free_y))).collect()
}

/// Left upper corner of the crop in the centre of a scaled picture.
pub fn centre(picture: &RgbImage, frame: Frame) -> (u32, u32) {
    let (free_x, free_y) = free(picture, frame);
    (free_x / 2, free_y / 2)
}

fn free(picture: &RgbImage, frame: Frame) -> (u32, u32) {
    (picture.width().saturating_sub(frame.width), picture.height().saturating_sub(frame.height))
}

/// The part of the picture in `frame` at `corner`, `[1, 3, height, width]` f32 in [-1, 1].
pub fn crop(picture: &RgbImage, (left, top): (u32, u32), frame: Frame) -> Tensor {
    let part = imageops::crop_imm(picture, left, top, frame.width, frame.height).to_image();
    let (width, height) = (i64::from(frame.width), i64::from(frame.height));
    let pixels = Tensor::from_slice(part.as_raw()).reshape([1, height, width, 3]).permute([0, 3, 1, 2]);
    (pixels.to_kind(Kind::Float) / 127.5 - 1.0).contiguous()
}
