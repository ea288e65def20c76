//! Things that stand about.

use super::{Figure, INK, QUARTER, SIDES, ball, block, capsule, cone, cylinder, ring};
use crate::shape::Shape;
use crate::vector::{Vector, grey, v};

const COFFEE: Vector = v(0.16, 0.07, 0.03);
const DOOR: Vector = v(0.25, 0.11, 0.05);
const PANE: Vector = v(0.25, 0.55, 0.75);
const CHIMNEY: Vector = v(0.45, 0.16, 0.10);
const SNOW: Vector = v(0.88, 0.90, 0.94);
const CARROT: Vector = v(0.95, 0.30, 0.03);
const TWIG: Vector = v(0.20, 0.10, 0.05);

/// The door is towards the viewer.
pub(super) fn house(figure: &mut Figure, walls: Vector, roof: Vector) {
    let slope = QUARTER / 2.0;
    figure.add(block(0.85, 0.62, 0.70, 0.04), v(0.0, 0.62, 0.0), walls, 0.1);
    figure.add_turned(block(0.60, 0.60, 0.68, 0.03), v(0.0, 1.22, 0.0), v(0.0, 0.0, slope), walls, 0.1);
    for side in SIDES {
        let tilt = v(0.0, 0.0, -slope * side);
        figure.add_turned(block(0.78, 0.07, 0.85, 0.03), v(0.50 * side, 1.60, 0.0), tilt, roof, 0.15);
        figure.add(block(0.21, 0.21, 0.02, 0.02), v(0.48 * side, 0.72, 0.695), grey(0.85), 0.1);
        figure.add(block(0.17, 0.17, 0.03, 0.02), v(0.48 * side, 0.72, 0.70), PANE, 0.8);
    }
    figure.add(block(0.19, 0.38, 0.04, 0.03), v(0.0, 0.38, 0.70), DOOR, 0.3);
    figure.add(block(0.13, 0.40, 0.13, 0.02), v(0.45, 1.9, -0.2), CHIMNEY, 0.1);
}

/// With coffee in it.
pub(super) fn cup(figure: &mut Figure, paint: Vector) {
    figure.add(Shape::Mug, v(0.0, 0.58, 0.0), paint, 0.6);
    figure.add_turned(ring(0.28, 0.09), v(0.62, 0.60, 0.0), v(QUARTER, 0.0, 0.0), paint, 0.6);
    figure.add(cylinder(0.45, 0.02, 0.01), v(0.0, 0.85, 0.0), COFFEE, 0.7);
}

/// A ball.
pub(super) fn ball_toy(figure: &mut Figure, paint: Vector) {
    figure.add(ball(0.85), v(0.0, 0.85, 0.0), paint, 0.7);
}

/// A cube.
pub(super) fn cube(figure: &mut Figure, paint: Vector) {
    figure.add(block(0.68, 0.68, 0.68, 0.1), v(0.0, 0.68, 0.0), paint, 0.3);
}

/// Three balls of snow with a carrot, a black hat and a scarf.
pub(super) fn snowman(figure: &mut Figure, scarf: Vector) {
    for (radius, height) in [(0.62, 0.56), (0.46, 1.32), (0.36, 1.93)] {
        figure.add(ball(radius), v(0.0, height, 0.0), SNOW, 0.05);
    }
    figure.add(capsule(v(0.0, -0.02, 0.3), 0.07, 0.015), v(0.0, 1.92, 0.34), CARROT, 0.2);
    for side in SIDES {
        figure.add(ball(0.058), v(0.13 * side, 2.02, 0.32), INK, 0.6);
        figure.add(ball(0.055), v(0.0, 1.30 + 0.16 * side, 0.45), INK, 0.6);
        figure.add(capsule(v(0.5 * side, 0.28, 0.0), 0.035, 0.03), v(0.4 * side, 1.38, 0.0), TWIG, 0.0);
    }
    figure.add(cylinder(0.46, 0.03, 0.02), v(0.0, 2.2, 0.0), grey(0.02), 0.2);
    figure.add(cone(0.29, 0.28, 0.20, 0.03), v(0.0, 2.4, 0.0), grey(0.02), 0.2);
    figure.add(ring(0.32, 0.10), v(0.0, 1.66, 0.0), scarf, 0.05);
    figure.add(capsule(v(0.03, -0.36, 0.12), 0.09, 0.10), v(0.16, 1.62, 0.32), scarf, 0.05);
}
