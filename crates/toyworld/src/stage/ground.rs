//! What figures stand on.

use super::Stage;
use crate::noise::{cell, noise};
use crate::place::Place;
use crate::vector::{Vector, grey, smooth, v};

/// Shadows and dark corners end this far from the middle (squared).
const SHADOWED: f32 = 12.0;
const UP: Vector = v(0.0, 1.0, 0.0);

impl Stage {
    /// The light that the ground sends back from a point `away` from the camera.
    pub(super) fn ground(&self, at: Vector, away: f32) -> Vector {
        let (paint, normal) = self.surface(at, away);
        let near = at.x * at.x + at.z * at.z < SHADOWED;
        let (open, lit) = if near { (self.openness(at, UP), self.lit(at, UP)) } else { (1.0, 1.0) };
        let direct = self.look.lamp * (normal.dot(self.lamp).max(0.0) * lit * 0.36);
        let around = self.look.horizon.mix(self.look.zenith, 0.5).mix(grey(0.6), 0.3) * (self.look.ambient * open);
        let light = paint * (direct + around);
        match self.place {
            Place::Moon | Place::BrickWall | Place::Beach => light,
            Place::Meadow | Place::Snow | Place::Desert => {
                light.mix(self.sky(v(0.0, 0.03, -1.0)), 0.5 * smooth(8.0, 20.0, away))
            }
            _ => light.mix(self.look.horizon, smooth(5.5, 13.0, away)),
        }
    }

    /// Its paint and its normal.
    fn surface(&self, at: Vector, away: f32) -> (Vector, Vector) {
        let flat = |paint| (paint, UP);
        match self.place {
            Place::Moon => {
                let paint = grey(0.36 + 0.10 * noise(at.x * 1.3 + self.shift, at.z * 1.3));
                // Far craters would only flicker.
                let normal = uneven(at, 0.04, |x, z| self.craters(x, z));
                (paint, normal.mix(UP, smooth(7.0, 16.0, away)))
            }
            Place::Snow => {
                let drifts =
                    |x: f32, z: f32| 0.22 * noise(x * 1.1 + self.shift, z * 1.1) + 0.06 * noise(x * 4.0, z * 4.0);
                (v(0.88, 0.91, 0.97), uneven(at, 0.1, drifts))
            }
            Place::Beach => flat(self.shore(at)),
            Place::Desert => flat(self.dunes(at)),
            Place::Meadow => flat(self.grass(at)),
            Place::WoodenFloor => flat(self.blurred(self.planks(at), away)),
            Place::ChequeredFloor(_) => flat(self.blurred(self.tiles(at), away)),
            Place::BrickWall => flat(v(0.30, 0.30, 0.31) * (0.9 + 0.15 * noise(at.x * 8.0, at.z * 8.0))),
            Place::Studio(_) | Place::Night => flat(self.look.ground),
        }
    }

    /// Far away a pattern becomes one colour.
    fn blurred(&self, paint: Vector, away: f32) -> Vector {
        paint.mix(self.look.ground.mix(self.look.second, 0.4), smooth(7.0, 12.0, away))
    }

    /// The height of the moon's ground.
    fn craters(&self, x: f32, z: f32) -> f32 {
        let mut height = 0.06 * noise(x * 3.1, z * 3.1);
        for (layer, size) in [(0.0, 1.9), (7.0, 0.85)] {
            let (u, w) = (x / size + self.shift + layer, z / size + 3.0);
            for neighbour in 0..9u8 {
                let column = u.floor() + f32::from(neighbour % 3) - 1.0;
                let row = w.floor() + f32::from(neighbour / 3) - 1.0;
                if cell(column, row) < 0.5 {
                    continue;
                }
                let radius = 0.20 + 0.25 * cell(column + 3.0, row);
                let dx = u - column - 0.3 - 0.4 * cell(column, row + 5.0);
                let dz = w - row - 0.3 - 0.4 * cell(column + 1.0, row + 7.0);
                let out = (dx * dx + dz * dz).sqrt() / radius;
                let rim = 0.7 * (-(out - 1.05).powi(2) * 22.0).exp();
                height += size * 0.30 * radius * (rim - smooth(1.0, 0.3, out));
            }
        }
        height
    }

    fn shore(&self, at: Vector) -> Vector {
        let line = -2.2 + 0.25 * (at.x * 0.9 + self.shift).sin();
        let sand = v(0.78, 0.60, 0.34) * (0.86 + 0.2 * noise(at.x * 7.0, at.z * 7.0));
        let sea = v(0.03, 0.34, 0.52) * (0.85 + 0.3 * noise(at.x * 1.2, at.z * 4.0));
        let foam = smooth(0.28, 0.05, (at.z - line + 0.1).abs());
        sand.mix(sea, smooth(line + 0.05, line - 0.05, at.z)).mix(grey(0.92), foam)
    }

    fn dunes(&self, at: Vector) -> Vector {
        let ripple = at.z * 5.0 + 1.2 * (at.x * 1.3 + self.shift).sin() + 2.0 * noise(at.x, at.z);
        v(0.78, 0.36, 0.13) * (0.9 + 0.10 * ripple.sin())
    }

    fn grass(&self, at: Vector) -> Vector {
        let blades = noise(at.x * 9.0, at.z * 5.0) * 0.6 + noise(at.x * 23.0, at.z * 9.0) * 0.4;
        let green = v(0.07, 0.26, 0.03).mix(v(0.20, 0.46, 0.06), blades);
        let (u, w) = (at.x * 2.2 + self.shift, at.z * 2.2);
        let kind = cell(u.floor(), w.floor());
        if kind <= 0.8 {
            return green;
        }
        let petals = if kind > 0.9 { grey(0.95) } else { v(0.95, 0.75, 0.1) };
        let (dx, dz) = (u - u.floor() - 0.5, w - w.floor() - 0.5);
        green.mix(petals, smooth(0.16, 0.11, (dx * dx + dz * dz).sqrt()))
    }

    fn planks(&self, at: Vector) -> Vector {
        let plank = (at.x / 0.5).floor();
        let seam = if (at.x / 0.5 - plank - 0.5).abs() > 0.475 { 1.0f32 } else { 0.0 };
        let rings = (at.x * 21.0 + (at.z * 1.7 + plank * 4.1).sin() * 1.6).sin() * 0.5 + 0.5;
        let grain = rings * 0.30 + (plank * 2.7).sin() * 0.15 + 0.15;
        self.look.ground.mix(self.look.second, seam.max(grain))
    }

    fn tiles(&self, at: Vector) -> Vector {
        let side = 0.62;
        let parity = ((at.x / side).floor() + ((at.z + 0.2) / side).floor()).rem_euclid(2.0);
        if parity < 0.5 { self.look.ground } else { self.look.second }
    }
}

/// The normal of a ground with this height.
fn uneven(at: Vector, step: f32, height: impl Fn(f32, f32) -> f32) -> Vector {
    let here = height(at.x, at.z);
    let (along_x, along_z) = (height(at.x + step, at.z) - here, height(at.x, at.z + step) - here);
    v(-along_x / step, 1.0, -along_z / step).unit()
}
