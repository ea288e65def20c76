//! Tin robots.

use super::{Figure, GLINT, INK, QUARTER, SIDES, ball, block, capsule, cylinder, ellipsoid};
use crate::chance::Chance;
use crate::vector::{Vector, grey, v};

const TIN: f32 = 0.6;
const CREAM: Vector = v(0.85, 0.78, 0.62);
const JOINT: Vector = grey(0.1);
const BLUE_BUTTON: Vector = v(0.05, 0.25, 0.65);
const RED_BUTTON: Vector = v(0.70, 0.05, 0.05);

/// A box of a head on a box of a body; antenna, ears and hands in the `second` colour.
pub(super) fn build(figure: &mut Figure, paint: Vector, second: Vector, chance: &mut Chance) {
    figure.add(block(0.50, 0.36, 0.40, 0.13), v(0.0, 1.78, 0.0), paint, TIN);
    figure.add(block(0.47, 0.44, 0.34, 0.12), v(0.0, 0.87, 0.0), paint, TIN);
    figure.add(cylinder(0.18, 0.13, 0.02), v(0.0, 1.36, 0.0), JOINT, 0.1);
    figure.add(block(0.40, 0.27, 0.08, 0.07), v(0.0, 1.79, 0.36), CREAM, 0.2);
    figure.add(block(0.28, 0.20, 0.06, 0.05), v(0.0, 0.92, 0.31), CREAM, 0.2);
    figure.add(capsule(v(0.0, 0.2, 0.0), 0.035, 0.035), v(0.0, 2.1, 0.0), second, TIN);
    figure.add(ball(0.11), v(0.0, 2.38, 0.0), second, 0.7);
    figure.add(block(0.19, 0.035, 0.03, 0.02), v(0.0, 1.64, 0.44), INK, 0.5);
    figure.add(ball(0.075), v(-0.1, 0.95, 0.36), BLUE_BUTTON, TIN);
    figure.add(ball(0.065), v(0.1, 0.95, 0.36), RED_BUTTON, TIN);
    let waving = chance.between(0.1, 2.6);
    let hanging = chance.between(0.1, 0.5);
    for (side, arm) in SIDES.into_iter().zip([waving, hanging]) {
        figure.add(ellipsoid(0.11, 0.12, 0.05), v(0.18 * side, 1.86, 0.44), INK, 0.9);
        figure.add(ball(0.028), v(0.18 * side + 0.03, 1.90, 0.49), GLINT, 0.0);
        let flat = v(0.0, 0.0, QUARTER);
        figure.add_turned(cylinder(0.15, 0.06, 0.03), v(0.55 * side, 1.78, 0.0), flat, second, TIN);
        figure.add(block(0.20, 0.14, 0.28, 0.09), v(0.25 * side, 0.13, 0.07), paint, TIN);
        figure.add(cylinder(0.11, 0.18, 0.02), v(0.25 * side, 0.38, 0.0), JOINT, 0.1);
        let along = v(arm.sin() * side, -arm.cos(), 0.1).unit();
        let shoulder = v(0.56 * side, 1.1, 0.0);
        figure.add(ball(0.16), shoulder, paint, TIN);
        figure.add(capsule(along * 0.5, 0.08, 0.08), shoulder, JOINT, 0.1);
        figure.add(capsule(along * 0.28, 0.12, 0.12), shoulder + along * 0.2, paint, TIN);
        figure.add(ball(0.13), shoulder + along * 0.62, second, TIN);
    }
}
