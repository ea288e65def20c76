//! PIL's `Image.resize`, to the byte: a filter that widens with the reduction (so that nothing aliases), first along rows,
//! then along columns, in fixed point, rounded to bytes after each.

use std::borrow::Cow;
use std::f64::consts::PI;

use names::names;

use super::Picture;

names! {
    /// How the pixels between pixels are found.
    pub enum Filter: "resample filter" {
        /// Straight lines.
        Bilinear = "bilinear",
        /// Cubic convolution (Keys, 1981) with a = −0.5.
        Bicubic = "bicubic",
        /// A windowed sinc, three lobes wide.
        Lanczos = "lanczos",
    }
}

impl Filter {
    /// By the number that PIL gives it.
    pub(super) fn numbered(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Lanczos),
            2 => Some(Self::Bilinear),
            3 => Some(Self::Bicubic),
            _ => None,
        }
    }

    /// Beyond this distance it is 0, in pixels of the smaller picture.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight of a pixel at this distance.
    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic => cubic(x),
            Self::Lanczos if (-3.0..3.0).contains(&distance) => sinc(distance) * sinc(distance / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    // The order of operations is PIL's, so that the last bits are.
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) }
}

/// `picture` in another size, at least 1 × 1.
pub(super) fn resize(picture: &Picture, width: usize, height: usize, filter: Filter) -> Picture {
    let (width, height) = (width.max(1), height.max(1));
    let (from_width, from_height) = (picture.width(), picture.height());
    let mut rgb = Cow::Borrowed(picture.rgb());
    if width != from_width {
        let windows = windows(from_width, width, filter);
        rgb = rgb.chunks_exact(3 * from_width).flat_map(|row| along(row, 3, &windows)).collect();
    }
    if height != from_height {
        // A column of rows is a row of long pixels.
        rgb = along(&rgb, 3 * width, &windows(from_height, height, filter)).into();
    }
    // There are as many bytes as these ask for.
    Picture::new(width, height, rgb.into_owned()).unwrap_or_else(|| picture.clone())
}

/// Fixed point: a byte and two bits for what overshoots leave these of 32.
const FRACTION_BITS: u32 = 32 - 8 - 2;

/// The pixels that make one, and how much each counts, in fixed point.
struct Window {
    first: usize,
    weights: Vec<i64>,
}

/// The window of each of `to` pixels over `from`.
fn windows(from: usize, to: usize, filter: Filter) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let widening = scale.max(1.0);
    let support = filter.support() * widening;
    let window = |index: usize| {
        let center = (index as f64 + 0.5) * scale;
        let first = ((center - support + 0.5).max(0.0)) as usize;
        let end = ((center + support + 0.5) as usize).min(from);
        let weight = |at: usize| filter.weight((at as f64 - center + 0.5) * (1.0 / widening));
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: f64| {
            let weight = if sum == 0.0 { weight } else { weight / sum } * f64::from(1 << FRACTION_BITS);
            (weight + if weight < 0.0 { -0.5 } else { 0.5 }) as i64
        };
        Window { first, weights: weights.into_iter().map(fixed).collect() }
    };
    (0..to).map(window).collect()
}

/// A line of pixels of `size` bytes each, resized.
fn along(line: &[u8], size: usize, windows: &[Window]) -> Vec<u8> {
    let mut resized = Vec::with_capacity(size * windows.len());
    let mut sums = vec![0; size];
    for Window { first, weights } in windows {
        sums.fill(1 << (FRACTION_BITS - 1));
        for (pixel, weight) in line.chunks_exact(size).skip(*first).zip(weights) {
            for (sum, &byte) in sums.iter_mut().zip(pixel) {
                *sum += i64::from(byte) * weight;
            }
        }
        resized.extend(sums.iter().map(|sum| (sum >> FRACTION_BITS).clamp(0, 255) as u8));
    }
    resized
}
