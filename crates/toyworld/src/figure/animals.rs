//! Animals.

use super::{Figure, GLINT, INK, SIDES, ball, capsule, cone, ellipsoid};
use crate::vector::{Vector, grey, v};

const FUR: f32 = 0.08;
const BEAK: Vector = v(0.92, 0.30, 0.03);
const PINK_NOSE: Vector = v(0.80, 0.25, 0.30);

/// Pointed ears, whiskers, a tail.
pub(super) fn cat(figure: &mut Figure, paint: Vector) {
    sitting(figure, paint, PINK_NOSE);
    tail(figure, paint);
    for side in SIDES {
        figure.add_turned(
            cone(0.21, 0.02, 0.23, 0.03),
            v(0.34 * side, 1.88, 0.0),
            v(0.0, 0.0, -0.25 * side),
            paint,
            FUR,
        );
        for lift in [-0.07, 0.05] {
            figure.add(capsule(v(0.36 * side, lift, -0.05), 0.014, 0.014), v(0.16 * side, 1.29, 0.52), grey(0.9), 0.0);
        }
    }
}

/// Hanging ears, a tail.
pub(super) fn dog(figure: &mut Figure, paint: Vector) {
    sitting(figure, paint, INK);
    tail(figure, paint);
    let ears = paint.mix(grey(0.02), 0.6);
    for side in SIDES {
        figure.add_turned(ellipsoid(0.15, 0.38, 0.12), v(0.56 * side, 1.36, 0.05), v(0.0, 0.0, 0.25 * side), ears, FUR);
    }
}

/// Round ears, no tail to be seen.
pub(super) fn bear(figure: &mut Figure, paint: Vector) {
    sitting(figure, paint, INK);
    for side in SIDES {
        figure.add(ball(0.20), v(0.42 * side, 1.80, 0.0), paint, FUR);
        figure.add(ellipsoid(0.12, 0.12, 0.06), v(0.42 * side, 1.80, 0.165), belly(paint), 0.05);
    }
}

fn belly(paint: Vector) -> Vector {
    paint.mix(grey(0.85), 0.55)
}

fn sitting(figure: &mut Figure, paint: Vector, nose: Vector) {
    figure.add(ellipsoid(0.48, 0.56, 0.42), v(0.0, 0.60, 0.0), paint, FUR);
    figure.add(ellipsoid(0.32, 0.40, 0.20), v(0.0, 0.58, 0.27), belly(paint), 0.05);
    figure.add(ellipsoid(0.56, 0.49, 0.48), v(0.0, 1.40, 0.04), paint, FUR);
    figure.add(ellipsoid(0.20, 0.14, 0.13), v(0.0, 1.27, 0.46), belly(paint), 0.05);
    figure.add(ellipsoid(0.075, 0.055, 0.05), v(0.0, 1.33, 0.57), nose, 0.7);
    for side in SIDES {
        let eye = v(0.20 * side, 1.47, 0.46);
        figure.add(ellipsoid(0.095, 0.115, 0.05), eye, grey(0.85), 0.3);
        figure.add(ellipsoid(0.072, 0.092, 0.05), eye + v(-0.006 * side, -0.004, 0.018), INK, 0.9);
        figure.add(ball(0.026), eye + v(0.03, 0.04, 0.062), GLINT, 0.0);
        figure.add(ellipsoid(0.17, 0.14, 0.24), v(0.26 * side, 0.13, 0.25), paint, FUR);
        figure.add(capsule(v(0.05 * side, -0.4, 0.18), 0.13, 0.12), v(0.36 * side, 0.92, 0.16), paint, FUR);
    }
}

fn tail(figure: &mut Figure, paint: Vector) {
    figure.add(capsule(v(0.55, 0.55, -0.1), 0.11, 0.09), v(0.25, 0.2, -0.35), paint, FUR);
}

/// A bath duck.
pub(super) fn duck(figure: &mut Figure, paint: Vector) {
    figure.add(ellipsoid(0.62, 0.50, 0.78), v(0.0, 0.50, -0.1), paint, 0.4);
    figure.add(ball(0.45), v(0.0, 1.22, 0.22), paint, 0.4);
    figure.add(ellipsoid(0.20, 0.09, 0.22), v(0.0, 1.15, 0.68), BEAK, 0.4);
    figure.add(capsule(v(0.0, 0.22, -0.3), 0.2, 0.07), v(0.0, 0.62, -0.72), paint, 0.4);
    for side in SIDES {
        figure.add(ellipsoid(0.085, 0.10, 0.05), v(0.2 * side, 1.34, 0.585), grey(0.85), 0.3);
        figure.add(ellipsoid(0.058, 0.075, 0.05), v(0.2 * side, 1.34, 0.61), INK, 0.9);
        figure.add(ellipsoid(0.13, 0.28, 0.45), v(0.58 * side, 0.56, -0.15), paint * 0.9, 0.4);
    }
}
