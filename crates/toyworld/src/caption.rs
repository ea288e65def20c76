//! A description in words. Nothing false is ever said; much may be left unsaid.

use crate::chance::Chance;
use crate::colour::HairColour;
use crate::description::{Description, Framing, HairStyle, Person, Subject, Thing, ThingKind};
use crate::place::Place;

/// How talkative a caption is: the share of the cases in which each is said.
struct Manner {
    hair: f32,
    hair_style: f32,
    glasses: f32,
    beard: f32,
    clothes: f32,
    trousers: f32,
    scarf: f32,
    hat: f32,
    colour: f32,
    second_colour: f32,
    place: f32,
    place_colour: f32,
}

/// Nothing is left out.
const EVERYTHING: Manner = Manner {
    hair: 1.0,
    hair_style: 1.0,
    glasses: 1.0,
    beard: 1.0,
    clothes: 1.0,
    trousers: 1.0,
    scarf: 1.0,
    hat: 1.0,
    colour: 1.0,
    second_colour: 1.0,
    place: 1.0,
    place_colour: 1.0,
};

/// As somebody would describe a photo: clothes and place almost always, the rest when it pleases.
const USUAL: Manner = Manner {
    hair: 0.55,
    hair_style: 0.65,
    glasses: 0.7,
    beard: 0.65,
    clothes: 0.88,
    trousers: 0.4,
    scarf: 0.75,
    hat: 0.8,
    colour: 0.9,
    second_colour: 0.45,
    place: 0.92,
    place_colour: 0.8,
};

/// Two figures are named more briefly.
const BRIEF: Manner =
    Manner { hair: 0.15, glasses: 0.15, beard: 0.1, trousers: 0.0, scarf: 0.0, hat: 0.1, second_colour: 0.1, ..USUAL };

/// See [`Description::caption`].
pub(crate) fn caption(description: &Description, wording: u64) -> String {
    let mut chance = Chance::new(wording, 0xCA97);
    let everything = wording == 0;
    let manner = match (everything, description.subjects.len()) {
        (true, _) => &EVERYTHING,
        (false, ..=1) => &USUAL,
        (false, _) => &BRIEF,
    };
    let lead = match description.framing {
        Framing::Portrait if everything => "a portrait of ",
        Framing::Full if everything => "photo of ",
        Framing::Portrait => chance.pick(&["a portrait of ", "portrait photo of ", "a portrait of "]),
        Framing::Full => chance.pick(&["photo of ", "photo of ", "a photo of ", "a picture of ", ""]),
    };
    let figures: Vec<String> =
        description.subjects.iter().map(|subject| figure(subject, description.framing, manner, &mut chance)).collect();
    let mut sentence = format!("{lead}{}", figures.join(" and "));
    if chance.often(manner.place) {
        sentence.push(' ');
        sentence.push_str(&whereabouts(description.place, everything, manner, &mut chance));
    }
    sentence
}

/// "on the moon": where a place is, with all that it has.
pub(crate) fn in_full(place: Place) -> String {
    whereabouts(place, true, &EVERYTHING, &mut Chance::new(0, 0xCA97))
}

fn figure(subject: &Subject, framing: Framing, manner: &Manner, chance: &mut Chance) -> String {
    match subject {
        Subject::Person(person) => doll(person, framing, manner, chance),
        Subject::Thing(thing) => with_article(&object(thing, manner, chance)),
    }
}

/// "a woman with violet hair in a bun and glasses wearing a red dress and a green scarf".
fn doll(person: &Person, framing: Framing, manner: &Manner, chance: &mut Chance) -> String {
    // A portrait ends above the trousers.
    let trousers = !person.kind.wears_dress() && framing == Framing::Full;
    let mut features = Vec::new();
    if chance.often(manner.hair) {
        features.push(hair(person.hair, person.hair_style, chance.often(manner.hair_style)));
    }
    if person.beard && chance.often(manner.beard) {
        features.push("a beard".to_owned());
    }
    if person.glasses && chance.often(manner.glasses) {
        features.push("glasses".to_owned());
    }
    let mut worn = Vec::new();
    if chance.often(manner.clothes) {
        let garment = if person.kind.wears_dress() { "dress" } else { "shirt" };
        worn.push(with_article(&format!("{} {garment}", person.clothes)));
        if trousers && chance.often(manner.trousers) {
            worn.push(format!("{} trousers", person.trousers));
        }
    }
    if let Some(colour) = person.scarf.filter(|_| chance.often(manner.scarf)) {
        worn.push(with_article(&format!("{colour} scarf")));
    }
    if let Some(colour) = person.hat.filter(|_| chance.often(manner.hat)) {
        worn.push(with_article(&format!("{colour} hat")));
    }
    let mut words = with_article(person.kind.as_str());
    if !features.is_empty() {
        words = format!("{words} with {}", features.join(" and "));
    }
    if !worn.is_empty() {
        let verb = if chance.often(0.15) && features.is_empty() { "in" } else { "wearing" };
        words = format!("{words} {verb} {}", worn.join(" and "));
    }
    words
}

fn hair(colour: HairColour, style: HairStyle, how: bool) -> String {
    match style {
        HairStyle::Bald => "a bald head".to_owned(),
        HairStyle::Short if how => format!("short {colour} hair"),
        HairStyle::Long if how => format!("long {colour} hair"),
        HairStyle::Bun if how => format!("{colour} hair in a bun"),
        HairStyle::Pigtails if how => format!("{colour} pigtails"),
        _ => format!("{colour} hair"),
    }
}

/// "red car", "white house with a blue roof".
fn object(thing: &Thing, manner: &Manner, chance: &mut Chance) -> String {
    let (kind, colour) = (thing.kind.as_str(), thing.colour);
    let named = chance.often(manner.colour);
    let second = chance.often(manner.second_colour);
    let second_colour = thing.second_colour;
    match thing.kind {
        ThingKind::Snowman if named => format!("snowman with {}", with_article(&format!("{colour} scarf"))),
        ThingKind::Snowman => kind.to_owned(),
        ThingKind::Rocket if named && second => format!("{colour} and {second_colour} rocket"),
        ThingKind::House if named && second => {
            format!("{colour} house with {}", with_article(&format!("{second_colour} roof")))
        }
        _ if named => format!("{colour} {kind}"),
        _ => kind.to_owned(),
    }
}

fn whereabouts(place: Place, everything: bool, manner: &Manner, chance: &mut Chance) -> String {
    let mut one_of = |usual: &'static str, others: &[&'static str]| {
        let rare = !everything && !others.is_empty() && chance.often(0.3);
        (if rare { chance.pick(others) } else { usual }).to_owned()
    };
    match place {
        Place::Moon => one_of("on the moon", &[]),
        Place::Snow => one_of("in the snow", &["in a snowy landscape"]),
        Place::Beach => one_of("on the beach", &["at the seaside"]),
        Place::Meadow => one_of("in a meadow", &["on grass", "on the grass"]),
        Place::WoodenFloor => one_of("on a wooden floor", &[]),
        Place::BrickWall => one_of("in front of a brick wall", &["by a brick wall"]),
        Place::Desert => one_of("in the desert", &["in a desert"]),
        Place::Night => one_of("at night", &[]),
        Place::ChequeredFloor(colour) if everything || chance.often(manner.place_colour) => {
            format!("on a {colour} and white chequered floor")
        }
        Place::ChequeredFloor(_) => "on a chequered floor".to_owned(),
        Place::Studio(colour) if everything || chance.often(manner.place_colour) => {
            let rare = !everything && chance.often(0.4);
            if rare {
                format!("on {} background", with_article(colour.as_str()))
            } else {
                format!("in {} studio", with_article(colour.as_str()))
            }
        }
        Place::Studio(_) => "in a studio".to_owned(),
    }
}

pub(crate) fn with_article(words: &str) -> String {
    let article = if words.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {words}")
}
