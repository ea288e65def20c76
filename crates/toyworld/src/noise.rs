//! Smooth random landscapes over a plane (value noise: Ebert et al., "Texturing and Modeling", chapter 2).

use crate::vector::smooth;

/// A number in 0..1 for the cell at whole coordinates.
pub(crate) fn cell(x: f32, y: f32) -> f32 {
    let mut word = (x as i32 as u32).wrapping_mul(0x85EB_CA6B) ^ (y as i32 as u32).wrapping_mul(0xC2B2_AE35);
    word ^= word >> 15;
    word = word.wrapping_mul(0x2C1B_3C6D);
    word ^= word >> 12;
    word = word.wrapping_mul(0x297A_2D39);
    word ^= word >> 15;
    (word & 0x00FF_FFFF) as f32 / 16_777_216.0
}

/// Cells' numbers with smooth passages between them, in 0..1.
pub(crate) fn noise(x: f32, y: f32) -> f32 {
    let (left, low) = (x.floor(), y.floor());
    let (across, up) = (smooth(0.0, 1.0, x - left), smooth(0.0, 1.0, y - low));
    let row = |y: f32| cell(left, y) * (1.0 - across) + cell(left + 1.0, y) * across;
    row(low) * (1.0 - up) + row(low + 1.0) * up
}
