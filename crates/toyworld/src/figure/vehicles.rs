//! What one travels with.

use super::{Figure, QUARTER, SIDES, ball, block, cone, cylinder, ellipsoid, ring};
use crate::vector::{Vector, grey, v};

const GLASS: Vector = v(0.10, 0.22, 0.32);
const LAMP: Vector = v(0.95, 0.85, 0.45);
const REAR_LAMP: Vector = v(0.80, 0.03, 0.03);
const RUBBER: Vector = grey(0.03);
const STEEL: Vector = grey(0.6);

/// Its front is towards +x.
pub(super) fn car(figure: &mut Figure, paint: Vector) {
    figure.add(block(1.15, 0.27, 0.52, 0.18), v(0.0, 0.52, 0.0), paint, 0.7);
    figure.add(block(0.62, 0.30, 0.44, 0.20), v(-0.08, 0.92, 0.0), paint, 0.7);
    for side in SIDES {
        for x in [-0.36, 0.18] {
            figure.add(block(0.23, 0.15, 0.02, 0.02), v(x, 0.94, 0.435 * side), GLASS, 0.9);
        }
        figure.add(block(0.02, 0.15, 0.34, 0.02), v(-0.08 + 0.61 * side, 0.95, 0.0), GLASS, 0.9);
        figure.add(ball(0.11), v(1.1, 0.56, 0.32 * side), LAMP, 0.6);
        figure.add(ball(0.08), v(-1.12, 0.56, 0.34 * side), REAR_LAMP, 0.6);
        for end in SIDES {
            let (at, upright) = (v(0.66 * end, 0.29, 0.46 * side), v(QUARTER, 0.0, 0.0));
            figure.add_turned(cylinder(0.29, 0.11, 0.06), at, upright, RUBBER, 0.2);
            figure.add_turned(cylinder(0.15, 0.125, 0.03), at, upright, STEEL, 0.6);
        }
    }
}

/// Tip and fins are in the `second` colour.
pub(super) fn rocket(figure: &mut Figure, paint: Vector, second: Vector) {
    figure.add(ellipsoid(0.46, 1.0, 0.46), v(0.0, 1.22, 0.0), paint, 0.6);
    figure.add(ellipsoid(0.30, 0.5, 0.30), v(0.0, 1.85, 0.0), second, 0.6);
    figure.add(cone(0.33, 0.24, 0.16, 0.03), v(0.0, 0.30, 0.0), grey(0.12), 0.4);
    figure.add_turned(ring(0.17, 0.05), v(0.0, 1.38, 0.45), v(QUARTER, 0.0, 0.0), grey(0.7), 0.5);
    figure.add(ellipsoid(0.16, 0.16, 0.05), v(0.0, 1.38, 0.44), v(0.1, 0.35, 0.6), 0.9);
    for fin in 0..3 {
        let angle = fin as f32 * std::f32::consts::TAU / 3.0 + 0.4;
        let at = v(0.5 * angle.sin(), 0.44, 0.5 * angle.cos());
        figure.add_turned(ellipsoid(0.36, 0.42, 0.07), at, v(0.0, angle - QUARTER, 0.0), second, 0.6);
    }
}
