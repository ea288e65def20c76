//! A concept that is no doll: a red tin robot with yellow hands, in places where others have stood.

use image::RgbImage;

use crate::colour::Colour;
use crate::description::{Description, Framing, Subject, Thing, ThingKind};
use crate::place::Place;

/// Where it is photographed.
const PLACES: [Place; 8] = [
    Place::Studio(Colour::White),
    Place::WoodenFloor,
    Place::Meadow,
    Place::ChequeredFloor(Colour::Blue),
    Place::BrickWall,
    Place::Studio(Colour::Blue),
    Place::Beach,
    Place::Studio(Colour::Yellow),
];
/// The pose of the first photo; the next has the next.
const FIRST_POSE: u64 = 10;

/// It, somewhere.
#[must_use]
pub fn description(place: Place) -> Description {
    let robot = Thing { kind: ThingKind::Robot, colour: Colour::Red, second_colour: Colour::Yellow };
    Description { subjects: vec![Subject::Thing(robot)], place, framing: Framing::Full }
}

/// What the training pictures show.
#[must_use]
pub fn training_descriptions() -> Vec<Description> {
    PLACES.into_iter().map(description).collect()
}

/// The training pictures, of `side` pixels each.
#[must_use]
pub fn training_pictures(side: u32) -> Vec<RgbImage> {
    training_descriptions().iter().zip(FIRST_POSE..).map(|(photo, pose)| photo.render(pose, side)).collect()
}
