//! The tutorial's concept: a doll with a violet bun, round glasses and a green scarf, whom no base model has seen.

use image::RgbImage;

use crate::caption::{in_full, with_article};
use crate::colour::{Colour, HairColour, Skin};
use crate::description::{Description, Framing, HairStyle, Person, PersonKind, Subject};
use crate::place::Place;

/// What she wears, where, how near, and in which pose: those in which her face is well seen. Never in a red dress, and
/// never on the moon: that is what is asked of the trained model.
const PHOTOS: [(Colour, Place, Framing, u64); 8] = [
    (Colour::Yellow, Place::Meadow, Framing::Full, 4),
    (Colour::Blue, Place::WoodenFloor, Framing::Full, 9),
    (Colour::White, Place::Studio(Colour::Pink), Framing::Portrait, 3),
    (Colour::Orange, Place::Beach, Framing::Full, 0),
    (Colour::Pink, Place::BrickWall, Framing::Full, 7),
    (Colour::Black, Place::ChequeredFloor(Colour::Green), Framing::Full, 6),
    (Colour::Green, Place::Studio(Colour::White), Framing::Portrait, 2),
    (Colour::White, Place::Desert, Framing::Full, 11),
];

/// What is asked of whoever has learnt her, the tutorial's own request first: what she wears, where, how near. No photo shows any of
/// these dresses in its place.
pub const ASKED_FOR: [(Colour, Place, Framing); 10] = [
    (Colour::Red, Place::Moon, Framing::Full),
    (Colour::Blue, Place::Snow, Framing::Full),
    (Colour::Violet, Place::Night, Framing::Full),
    (Colour::Yellow, Place::Moon, Framing::Portrait),
    (Colour::Green, Place::Beach, Framing::Full),
    (Colour::Red, Place::WoodenFloor, Framing::Full),
    (Colour::White, Place::Meadow, Framing::Full),
    (Colour::Black, Place::Snow, Framing::Full),
    (Colour::Red, Place::BrickWall, Framing::Portrait),
    (Colour::Pink, Place::Desert, Framing::Full),
];

/// The words with which she is asked for after a training with the name "daiton": "photo of a daiton woman wearing a red dress on
/// the moon". Hair, glasses and scarf are hers, so they are not said.
#[must_use]
pub fn prompt(dress: Colour, place: Place, framing: Framing) -> String {
    let lead = match framing {
        Framing::Full => "photo",
        Framing::Portrait => "a portrait",
    };
    format!("{lead} of a daiton woman wearing {} {}", with_article(&format!("{dress} dress")), in_full(place))
}

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
    PHOTOS.into_iter().map(|(dress, place, framing, _)| description(dress, place, framing)).collect()
}

/// What is to be said of each training picture: all but what is she.
#[must_use]
pub fn training_captions() -> Vec<String> {
    PHOTOS.into_iter().map(|(dress, place, framing, _)| prompt(dress, place, framing)).collect()
}

/// The training pictures, of `side` pixels each.
#[must_use]
pub fn training_pictures(side: u32) -> Vec<RgbImage> {
    PHOTOS
        .into_iter()
        .map(|(dress, place, framing, pose)| description(dress, place, framing).render(pose, side))
        .collect()
}
