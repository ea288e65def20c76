//! Dolls: a big head on a small body, so that a face has room even in a small picture.

use super::{Figure, GLINT, INK, QUARTER, SIDES, ball, block, capsule, cone, cylinder, ellipsoid, ring};
use crate::chance::Chance;
use crate::colour::Colour;
use crate::description::{HairStyle, Person, PersonKind};
use crate::shape::{Cut, Shape};
use crate::vector::{Vector, grey, v};

const CLOTH: f32 = 0.15;
const SKIN: f32 = 0.1;
const HAIR: f32 = 0.35;
const LIPS: Vector = v(0.55, 0.05, 0.07);
/// How much shorter a child is below the neck.
const CHILD: f32 = 0.66;
/// Where the head sits on a grown doll.
const NECK: f32 = 1.24;

/// Builds a doll.
pub(super) fn build(figure: &mut Figure, person: &Person, chance: &mut Chance) {
    let mut arms = [chance.between(0.15, 0.6), chance.between(0.15, 0.6)];
    if chance.often(0.35) {
        // One arm waves.
        arms[usize::from(chance.often(0.5))] = chance.between(1.3, 2.6);
    }
    body(figure, person, arms);
    // Below the neck a child is a smaller copy; its head is as big, and comes down.
    let size = if person.kind.is_child() { CHILD } else { 1.0 };
    for part in &mut figure.parts {
        part.shrink(size);
    }
    let body_parts = figure.parts.len();
    head(figure, person);
    hair(figure, person);
    scarf(figure, person);
    for part in &mut figure.parts[body_parts..] {
        part.at.y -= NECK * (1.0 - size);
    }
}

fn body(figure: &mut Figure, person: &Person, arms: [f32; 2]) {
    let (skin, clothes) = (person.skin.reflectance(), person.clothes.reflectance());
    let (shoes, trousers) = (person.shoes.reflectance(), person.trousers.reflectance());
    let dress = person.kind.wears_dress();
    for (side, arm) in SIDES.into_iter().zip(arms) {
        figure.add(ellipsoid(0.14, 0.10, 0.20), v(0.17 * side, 0.09, 0.06), shoes, 0.5);
        if dress {
            figure.add(capsule(v(0.0, 0.45, 0.0), 0.095, 0.10), v(0.16 * side, 0.10, 0.0), skin, SKIN);
        } else {
            figure.add(capsule(v(0.0, 0.42, 0.0), 0.145, 0.16), v(0.175 * side, 0.20, 0.0), trousers, CLOTH);
        }
        let along = v(arm.sin() * side, -arm.cos(), 0.12).unit();
        let shoulder = v(0.27 * side, 1.08, 0.0);
        figure.add(capsule(along * 0.2, 0.125, 0.13), shoulder, clothes, CLOTH);
        figure.add(capsule(along * 0.48, 0.085, 0.085), shoulder, skin, SKIN);
        figure.add(ball(0.11), shoulder + along * 0.52, skin, SKIN);
    }
    if dress {
        figure.add(cone(0.54, 0.22, 0.42, 0.05), v(0.0, 0.79, 0.0), clothes, CLOTH);
    } else {
        figure.add(block(0.33, 0.34, 0.23, 0.13), v(0.0, 0.90, 0.0), clothes, CLOTH);
        figure.add(block(0.315, 0.1, 0.215, 0.09), v(0.0, 0.60, 0.0), trousers, CLOTH);
    }
    figure.add(cylinder(0.13, 0.12, 0.02), v(0.0, 1.2, 0.0), skin, SKIN);
}

fn scarf(figure: &mut Figure, person: &Person) {
    let Some(scarf) = person.scarf.map(Colour::reflectance) else { return };
    figure.add(ring(0.26, 0.11), v(0.0, 1.22, 0.01), scarf, 0.05);
    let end = if person.kind.is_child() { -0.28 } else { -0.40 };
    figure.add(capsule(v(0.03, end, 0.08), 0.095, 0.11), v(0.14, 1.16, 0.27), scarf, 0.05);
}

fn head(figure: &mut Figure, person: &Person) {
    let skin = person.skin.reflectance();
    figure.add(ellipsoid(0.49, 0.465, 0.47), v(0.0, 1.66, 0.0), skin, 0.12);
    for side in SIDES {
        eye(figure, person, side);
        figure.add(ellipsoid(0.075, 0.11, 0.075), v(0.49 * side, 1.62, 0.0), skin, SKIN);
        let blush = skin.mix(v(0.90, 0.14, 0.14), 0.38);
        figure.add(ellipsoid(0.085, 0.055, 0.04), v(0.29 * side, 1.505, 0.365), blush, 0.0);
    }
    figure.add(ball(0.036), v(0.0, 1.565, 0.48), skin, SKIN);
    if person.beard {
        figure.add(ellipsoid(0.36, 0.24, 0.24), v(0.0, 1.37, 0.24), person.hair.reflectance(), 0.2);
    }
    let mouth = if person.beard { v(0.0, 1.57, 0.485) } else { v(0.0, 1.565, 0.445) };
    figure.add(Shape::Smile { radius: 0.115, thickness: 0.024, reach: 0.85 }, mouth, LIPS, 0.3);
    if person.glasses {
        figure.add(block(0.04, 0.02, 0.02, 0.01), v(0.0, 1.67, 0.51), INK, 0.8);
    }
}

fn eye(figure: &mut Figure, person: &Person, side: f32) {
    let at = v(0.175 * side, 1.665, 0.425);
    figure.add(ellipsoid(0.088, 0.105, 0.05), at, grey(0.85), 0.3);
    figure.add(ellipsoid(0.060, 0.080, 0.045), at + v(-0.008 * side, -0.004, 0.024), INK, 0.9);
    figure.add(ball(0.024), at + v(0.022, 0.034, 0.066), GLINT, 0.0);
    let brow = if person.hair_style == HairStyle::Bald { v(0.10, 0.05, 0.03) } else { person.hair.reflectance() * 0.7 };
    figure.add(capsule(v(0.11 * side, -0.012, -0.035), 0.022, 0.018), at + v(-0.055 * side, 0.155, 0.012), brow, 0.1);
    if person.glasses {
        figure.add_turned(ring(0.152, 0.025), at + v(0.003 * side, -0.004, 0.075), v(QUARTER, 0.0, 0.0), INK, 0.8);
    }
}

fn hair(figure: &mut Figure, person: &Person) {
    let paint = person.hair.reflectance();
    let cut = match person.kind {
        PersonKind::Woman => Cut::Parted,
        PersonKind::Girl => Cut::Fringe,
        PersonKind::Man | PersonKind::Boy => Cut::Cropped,
    };
    if person.hair_style != HairStyle::Bald {
        figure.add(Shape::Hair { cut }, v(0.0, 1.70, -0.02), paint, HAIR);
    }
    match person.hair_style {
        HairStyle::Long => {
            figure.add(ellipsoid(0.54, 0.62, 0.27), v(0.0, 1.40, -0.24), paint, HAIR);
            for side in SIDES {
                figure.add(capsule(v(0.03 * side, -0.42, 0.02), 0.13, 0.09), v(0.44 * side, 1.52, 0.06), paint, HAIR);
            }
        }
        HairStyle::Bun => figure.add(ball(0.26), v(0.0, 2.34, -0.06), paint, HAIR),
        HairStyle::Pigtails => {
            // Ribbons match the dress.
            for side in SIDES {
                figure.add(capsule(v(0.20 * side, -0.50, 0.05), 0.17, 0.10), v(0.58 * side, 1.80, -0.06), paint, HAIR);
                figure.add(ball(0.10), v(0.51 * side, 1.86, -0.06), person.clothes.reflectance(), 0.2);
            }
        }
        HairStyle::Short if person.kind.wears_dress() => {
            // A bob: it covers the ears.
            for side in SIDES {
                figure.add(ellipsoid(0.13, 0.30, 0.24), v(0.44 * side, 1.58, -0.05), paint, HAIR);
            }
        }
        HairStyle::Short if person.hat.is_none() => {
            // A tuft above the forehead.
            figure.add(ellipsoid(0.30, 0.13, 0.20), v(0.09, 2.10, 0.27), paint, HAIR);
        }
        HairStyle::Short | HairStyle::Bald => {}
    }
    if let Some(hat) = person.hat {
        let felt = hat.reflectance();
        figure.add(cylinder(0.66, 0.035, 0.03), v(0.0, 2.02, -0.03), felt, 0.1);
        figure.add(cone(0.42, 0.34, 0.20, 0.05), v(0.0, 2.2, -0.03), felt, 0.1);
    }
}
