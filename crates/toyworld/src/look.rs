//! What a place looks like: its ground, its sky and its light.

use crate::chance::Chance;
use crate::colour::Colour;
use crate::place::Place;
use crate::vector::{Vector, grey, v};

/// Paints and light of a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Main paint of the ground (of the bricks before a wall).
    pub(crate) ground: Vector,
    /// The other paint of planks and tiles.
    pub(crate) second: Vector,
    /// Of the sky, low and high.
    pub(crate) horizon: Vector,
    pub(crate) zenith: Vector,
    /// How bright the lamp shines, by colour.
    pub(crate) lamp: Vector,
    /// How much light comes from everywhere.
    pub(crate) ambient: f32,
}

const DAYLIGHT: Vector = v(2.6, 2.45, 2.2);

impl Look {
    /// The look of `place`; no chance in it but the shade of a grey.
    pub(crate) fn of(place: Place) -> Self {
        let day = Self {
            ground: grey(0.5),
            second: grey(0.5),
            horizon: grey(0.8),
            zenith: grey(0.5),
            lamp: DAYLIGHT,
            ambient: 0.45,
        };
        match place {
            Place::Moon => Self {
                ground: grey(0.36),
                horizon: grey(0.004),
                zenith: grey(0.002),
                lamp: v(3.6, 3.5, 3.3),
                ambient: 0.6,
                ..day
            },
            Place::Snow => Self {
                ground: v(0.85, 0.88, 0.95),
                horizon: v(0.78, 0.86, 0.96),
                zenith: v(0.42, 0.60, 0.85),
                lamp: grey(2.9),
                ..day
            },
            Place::Beach => Self {
                ground: v(0.72, 0.55, 0.32),
                horizon: v(0.70, 0.86, 0.98),
                zenith: v(0.12, 0.42, 0.90),
                lamp: v(3.0, 2.6, 2.1),
                ..day
            },
            Place::Desert => Self {
                ground: v(0.72, 0.34, 0.13),
                horizon: v(0.98, 0.82, 0.60),
                zenith: v(0.30, 0.55, 0.90),
                lamp: v(3.2, 2.6, 1.9),
                ..day
            },
            Place::Meadow => {
                Self { ground: v(0.13, 0.36, 0.05), horizon: v(0.78, 0.90, 0.98), zenith: v(0.16, 0.42, 0.88), ..day }
            }
            Place::WoodenFloor => Self {
                ground: v(0.55, 0.31, 0.14),
                second: v(0.28, 0.14, 0.06),
                horizon: v(0.82, 0.72, 0.58),
                zenith: v(0.60, 0.50, 0.40),
                lamp: v(2.9, 2.4, 1.8),
                ..day
            },
            Place::ChequeredFloor(colour) => {
                let tile = colour.reflectance();
                let wall = v(0.82, 0.84, 0.80).mix(tile, 0.12);
                Self { ground: v(0.82, 0.80, 0.75), second: tile, horizon: wall, zenith: wall * 0.75, ..day }
            }
            Place::BrickWall => Self { ground: v(0.50, 0.13, 0.07), horizon: grey(0.6), ..day },
            Place::Night => Self {
                ground: v(0.05, 0.07, 0.13),
                horizon: v(0.07, 0.09, 0.24),
                zenith: v(0.01, 0.015, 0.06),
                lamp: v(1.8, 1.7, 1.95),
                ambient: 0.85,
                ..day
            },
            Place::Studio(colour) => {
                let cloth = backdrop(colour);
                Self { ground: cloth, horizon: cloth.mix(grey(0.9), 0.12), zenith: cloth * 0.72, ..day }
            }
        }
    }
}

/// Backdrops are lighter than clothes of the same name, so that a red dress shows before a red one.
fn backdrop(colour: Colour) -> Vector {
    match colour {
        Colour::Blue => v(0.22, 0.42, 0.78),
        Colour::Pink => v(0.92, 0.55, 0.64),
        Colour::White => grey(0.92),
        Colour::Yellow => v(0.92, 0.76, 0.28),
        Colour::Green => v(0.36, 0.66, 0.40),
        Colour::Grey => v(0.45, 0.46, 0.48),
        Colour::Red => v(0.72, 0.16, 0.14),
        other => other.reflectance(),
    }
}

/// Where the lamp stands as seen by the camera: from above, from one side, in front.
pub(crate) fn lamp_direction(chance: &mut Chance) -> Vector {
    v(chance.sign() * chance.between(0.3, 1.0), chance.between(0.7, 1.2), chance.between(0.35, 1.0)).unit()
}
