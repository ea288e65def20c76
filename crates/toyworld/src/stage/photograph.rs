//! From light to pixels.

use image::{Rgb, RgbImage};

use super::Stage;
use crate::vector::{Vector, grey, v};

/// Pixels that differ this much from a neighbour (of 1) are looked at again.
const EDGE: f32 = 0.06;
/// Where within a pixel they are looked at: a rotated grid.
const AGAIN: [(f32, f32); 4] = [(0.12, 0.38), (0.38, 0.88), (0.62, 0.12), (0.88, 0.62)];

impl Stage {
    /// Takes the photo: one ray a pixel, and four more where edges are.
    pub(crate) fn photograph(&self, side: u32) -> RgbImage {
        let size = side as usize;
        let light: Vec<Vector> = (0..size * size)
            .map(|pixel| self.pixel(side, (pixel % size) as f32 + 0.5, (pixel / size) as f32 + 0.5))
            .collect();
        let shown: Vec<Vector> = light.iter().copied().map(encoded).collect();
        RgbImage::from_fn(side, side, |x, y| {
            let pixel = y as usize * size + x as usize;
            if !is_edge(&shown, size, x as usize, y as usize) {
                return bytes(shown[pixel]);
            }
            let again = AGAIN.map(|(right, down)| self.pixel(side, x as f32 + right, y as f32 + down));
            bytes(encoded(again.into_iter().fold(light[pixel], |sum, light| sum + light) * 0.2))
        })
    }

    /// The light at a point of the picture, darker towards the corners as lenses have it.
    fn pixel(&self, side: u32, x: f32, y: f32) -> Vector {
        let (right, up) = (2.0 * x / side as f32 - 1.0, 1.0 - 2.0 * y / side as f32);
        toned(self.see(self.camera.ray(right, up)) * (1.0 - 0.08 * (right * right + up * up)))
    }
}

fn is_edge(shown: &[Vector], size: usize, x: usize, y: usize) -> bool {
    let here = shown[y * size + x];
    let differs = |x: usize, y: usize| x < size && y < size && (shown[y * size + x] - here).abs().largest() > EDGE;
    differs(x.wrapping_sub(1), y) || differs(x + 1, y) || differs(x, y.wrapping_sub(1)) || differs(x, y + 1)
}

/// Bright light saturates slowly (Reinhard et al., "Photographic tone reproduction", 2002, equation 4).
fn toned(light: Vector) -> Vector {
    let tone = |value: f32| ((value * (1.0 + value / 4.84) / (1.0 + value)).clamp(0.0, 1.0) * 1.25).min(1.0);
    v(tone(light.x), tone(light.y), tone(light.z))
}

/// For a display's gamma.
fn encoded(light: Vector) -> Vector {
    let gamma = |value: f32| value.max(0.0).powf(1.0 / 2.2);
    v(gamma(light.x), gamma(light.y), gamma(light.z))
}

fn bytes(shown: Vector) -> Rgb<u8> {
    let rounded = shown * 255.0 + grey(0.5);
    Rgb([rounded.x as u8, rounded.y as u8, rounded.z as u8])
}
