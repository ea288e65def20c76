//! The tutorial's concept: a doll with a violet bun, round glasses and a green scarf, whom no base model has seen.

use image::RgbImage;

use crate::colour::{Colour, HairColour, Skin};
use crate::description::{Description, Framing, HairStyle, Person, PersonKind, Subject};
use crate::place::Place;

/// Where she is photographed and in what. Never in a red dress, and never on the moon: that is what is asked of the trained
/// model.
const PHOTOS: [(Colour, Place, Framing); 8] = [
    (Colour::Yellow, Place::Meadow, Framing::Full),
    (Colour::Blue, Place::WoodenFloor, Framing::Full),
    (Colour::White, Place::Studio(Colour::Pink), Framing::Portrait),
    (Colour::Orange, Place::Beach, Framing::Full),
    (Colour::Pink, Place::BrickWall, Framing::Full),
    (Colour::Black, Place::ChequeredFloor(Colour::Green), Framing::Full),
    (Colour::Green, Place::Studio(Colour::White), Framing::Portrait),
    (Colour::White, Place::Desert, Framing::Full),
];
/// Added to a photo's number: poses in which her face is well seen.
const FIRST_POSE: u64 = 40;

/// She herself, in a dress of that colour.
#[must_use]
pub fn description(dress: Colour, place: Place, framing: Framing) -> Description {
    let she = Person {
        kind: PersonKind::Woman,
        clothes: dress,
        trousers: Colour::Black,
        hair: HairColour::Violet,
        hair_style: HairStyle::Bun,
        skin: Skin::Olive,
        glasses: true,
        beard: false,
        scarf: Some(Colour::Green),
        hat: None,
        shoes: Colour::Brown,
    };
    Description { subjects: vec![Subject::Person(she)], place, framing }
}

/// What the training pictures show.
#[must_use]
pub fn training_descriptions() -> Vec<Description> {
    PHOTOS.into_iter().map(|(dress, place, framing)| description(dress, place, framing)).collect()
}

/// The training pictures, of `side` pixels each.
#[must_use]
pub fn training_pictures(side: u32) -> Vec<RgbImage> {
    training_descriptions().iter().zip(FIRST_POSE..).map(|(photo, pose)| photo.render(pose, side)).collect()
}
