//! The demo's concept: a glossy red toy robot, as signed distances.
//!
//! It stands on the plane y = 0, is 2.5 high and looks along +z. Distances to primitives follow the usual formulas of
//! constructive distance fields: length of the outer part plus the inner part, less the rounding.

use super::vector::Vec3;

/// What a point of the surface is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Material {
    /// Lacquered red sheet.
    Red,
    /// Grey rubber of the joints.
    Rubber,
    /// The cream plates of face and chest.
    Cream,
    /// Eyes and mouth.
    Ink,
    /// Antenna and hands.
    Brass,
    /// The blue button.
    Blue,
}

/// Everything of the robot lies in the ball around (0, 1.25, 0) with this radius.
pub const BOUND: (Vec3, f32) = (Vec3(0.0, 1.27, 0.0), 1.62);

/// The nearest surface: its distance and material. `wave` (radians) lifts the left arm.
pub fn robot(at: Vec3, wave: f32) -> (f32, Material) {
    // The robot is its own mirror image but for the arms: one half is computed.
    let half = Vec3(at.0.abs(), at.1, at.2);
    let head = rounded_box(at - Vec3(0.0, 1.78, 0.0), Vec3(0.50, 0.36, 0.40), 0.13);
    let ears = disc_x(half - Vec3(0.56, 1.78, 0.0), 0.15, 0.06);
    let body = rounded_box(at - Vec3(0.0, 0.87, 0.0), Vec3(0.47, 0.44, 0.34), 0.12);
    let boots = rounded_box(half - Vec3(0.25, 0.13, 0.07), Vec3(0.20, 0.13, 0.28), 0.09);
    let side = if at.0 > 0.0 { wave } else { -0.25 };
    let arm = turned_down(half - Vec3(0.60, 1.13, 0.0), side);
    let shoulder = (half - Vec3(0.55, 1.13, 0.0)).length() - 0.155;
    let sleeve = capsule(arm, 0.22, 0.46, 0.125);
    let elbow = capsule(arm, 0.0, 0.4, 0.075);
    // A hand is an open ring.
    let in_hand = Vec3(arm.0, arm.1 + 0.68, arm.2);
    let ring =
        (((in_hand.0 * in_hand.0 + in_hand.1 * in_hand.1).sqrt() - 0.115).hypot(in_hand.2) - 0.058).max(-cut(in_hand));
    let red = min_of([head, body, boots, shoulder, sleeve, (ears + 0.03).max(0.02)]);
    let rubber = min_of([
        disc_y(at - Vec3(0.0, 1.37, 0.0), 0.2, 0.12) - 0.02,
        capsule_y(half - Vec3(0.25, 0.36, 0.0), 0.16, 0.1),
        elbow,
    ]);
    let face = rounded_box(at - Vec3(0.0, 1.80, 0.36), Vec3(0.38, 0.24, 0.08), 0.07);
    let chest = rounded_box(at - Vec3(0.0, 0.90, 0.31), Vec3(0.29, 0.22, 0.06), 0.05);
    let eyes = ball_flat(half - Vec3(0.17, 1.85, 0.44), 0.105);
    let mouth = smile(at - Vec3(0.0, 1.72, 0.445));
    let antenna = capsule_y(at - Vec3(0.0, 2.14, 0.0), 0.2, 0.03).min((at - Vec3(0.0, 2.40, 0.0)).length() - 0.105);
    let brass = min_of([antenna, ring, ears]);
    let dial = disc_z(at - Vec3(-0.12, 0.93, 0.38), 0.095, 0.025) - 0.01;
    let button = disc_z(at - Vec3(0.14, 0.99, 0.38), 0.055, 0.03) - 0.012;
    let bars = rounded_box(
        Vec3(at.0 - 0.14, ((at.1 - 0.82) / 0.065).fract_centre() * 0.065, at.2 - 0.385),
        Vec3(0.085, 0.016, 0.02),
        0.012,
    )
    .max((at.1 - 0.82).abs() - 0.09);
    let parts = [
        (red, Material::Red),
        (rubber, Material::Rubber),
        (face.min(chest), Material::Cream),
        (eyes.min(mouth).min(bars), Material::Ink),
        (brass, Material::Brass),
        (dial.min(button), Material::Blue),
    ];
    parts.into_iter().fold((f32::MAX, Material::Red), |nearest, part| if part.0 < nearest.0 { part } else { nearest })
}

/// The fraction around the nearest whole number: repeats a shape.
trait FractCentre {
    fn fract_centre(self) -> f32;
}

impl FractCentre for f32 {
    fn fract_centre(self) -> f32 {
        self - self.round()
    }
}

fn min_of<const N: usize>(distances: [f32; N]) -> f32 {
    distances.into_iter().fold(f32::MAX, f32::min)
}

fn rounded_box(at: Vec3, half: Vec3, radius: f32) -> f32 {
    let outside = at.map(f32::abs) - half + Vec3::all(radius);
    outside.map(|side| side.max(0.0)).length() + outside.0.max(outside.1).max(outside.2).min(0.0) - radius
}

fn disc(across: f32, along: f32, radius: f32, half: f32) -> f32 {
    let (a, b) = (across - radius, along.abs() - half);
    a.max(b).min(0.0) + a.max(0.0).hypot(b.max(0.0))
}

fn disc_x(at: Vec3, radius: f32, half: f32) -> f32 {
    disc(at.1.hypot(at.2), at.0, radius, half)
}

fn disc_y(at: Vec3, radius: f32, half: f32) -> f32 {
    disc(at.0.hypot(at.2), at.1, radius, half)
}

fn disc_z(at: Vec3, radius: f32, half: f32) -> f32 {
    disc(at.0.hypot(at.1), at.2, radius, half)
}

fn capsule_y(at: Vec3, half: f32, radius: f32) -> f32 {
    Vec3(at.0, (at.1.abs() - half).max(0.0), at.2).length() - radius
}

/// From `from` to `to` below the origin.
fn capsule(at: Vec3, from: f32, to: f32, radius: f32) -> f32 {
    Vec3(at.0, at.1 + (-at.1).clamp(from, to), at.2).length() - radius
}

/// The arm's own coordinates: it hangs down at angle 0 and is raised sideways by `angle`.
fn turned_down(at: Vec3, angle: f32) -> Vec3 {
    let (sin, cos) = angle.sin_cos();
    Vec3(at.0 * cos + at.1 * sin, at.1 * cos - at.0 * sin, at.2)
}

/// The opening of a hand, downwards.
fn cut(at: Vec3) -> f32 {
    rounded_box(at + Vec3(0.0, 0.13, 0.0), Vec3(0.06, 0.12, 0.2), 0.0)
}

fn ball_flat(at: Vec3, radius: f32) -> f32 {
    (Vec3(at.0, at.1, at.2 * 2.2).length() - radius) / 2.2
}

/// The lower part of a ring.
fn smile(at: Vec3) -> f32 {
    let ring = ((at.0.hypot(at.1 - 0.10) - 0.16).hypot(at.2)) - 0.022;
    ring.max(at.1 - 0.01)
}
