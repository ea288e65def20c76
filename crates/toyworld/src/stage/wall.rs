//! The brick wall behind the figures.

use super::{NOWHERE, Stage};
use crate::noise::cell;
use crate::vector::{Vector, grey, smooth, v};

/// Where it stands.
const DEPTH: f32 = -1.7;
const BRICK: (f32, f32) = (0.52, 0.21);

/// How far along a ray it is.
pub(super) fn reach(origin: Vector, ray: Vector) -> f32 {
    if ray.z < -1e-4 { (DEPTH - origin.z) / ray.z } else { NOWHERE }
}

impl Stage {
    /// The light it sends back.
    pub(super) fn wall(&self, at: Vector) -> Vector {
        let row = (at.y / BRICK.1).floor();
        let across = at.x / BRICK.0 + 0.5 * row.rem_euclid(2.0);
        let column = across.floor();
        let mortar = across - column < 0.05 || at.y / BRICK.1 - row < 0.11;
        let paint = if mortar { grey(0.5) } else { self.look.ground * (0.75 + 0.45 * cell(column + 31.0, row)) };
        let normal = v(0.0, 0.0, 1.0);
        let direct = self.look.lamp * (normal.dot(self.lamp).max(0.0) * self.lit(at, normal) * 0.36);
        let around = grey(0.7) * (self.look.ambient * 0.8 * smooth(-0.3, 0.4, at.y).max(0.4));
        paint * (direct + around)
    }
}
