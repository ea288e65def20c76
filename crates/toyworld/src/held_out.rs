//! What no training of a base model sees, so that it can be asked whether the model composes: some combinations of what it
//! does see, and every picture of the two concepts that are learnt later.

use crate::colour::{Colour, HairColour};
use crate::description::{Description, Framing, HairStyle, Subject, ThingKind};
use crate::place::Place;

/// A combination that is held out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldOut {
    /// What it is, in words.
    pub name: &'static str,
    who: Who,
    colour: Option<Colour>,
    hair: Option<(HairColour, HairStyle)>,
    place: Option<Place>,
}

/// Whom a combination is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Women and girls.
    InDress,
    /// Men and boys.
    InShirt,
    /// All things of a kind.
    Thing(ThingKind),
}

impl Who {
    fn is(self, subject: &Subject) -> bool {
        match (self, subject) {
            (Self::InDress, Subject::Person(person)) => person.kind.wears_dress(),
            (Self::InShirt, Subject::Person(person)) => !person.kind.wears_dress(),
            (Self::Thing(kind), Subject::Thing(thing)) => thing.kind == kind,
            _ => false,
        }
    }
}

const ANYWHERE: Option<Place> = None;

/// All of them.
pub const RULES: [HeldOut; 16] = [
    combination("a red dress on the moon", Who::InDress, Colour::Red, Some(Place::Moon)),
    HeldOut {
        name: "violet hair in a bun",
        who: Who::InDress,
        colour: None,
        hair: Some((HairColour::Violet, HairStyle::Bun)),
        place: ANYWHERE,
    },
    combination("a red robot", Who::Thing(ThingKind::Robot), Colour::Red, ANYWHERE),
    combination("a blue dress in the desert", Who::InDress, Colour::Blue, Some(Place::Desert)),
    combination("a yellow dress in the snow", Who::InDress, Colour::Yellow, Some(Place::Snow)),
    combination("a white dress at night", Who::InDress, Colour::White, Some(Place::Night)),
    combination("a green shirt on the beach", Who::InShirt, Colour::Green, Some(Place::Beach)),
    combination("an orange shirt in front of a brick wall", Who::InShirt, Colour::Orange, Some(Place::BrickWall)),
    combination("a pink shirt in a meadow", Who::InShirt, Colour::Pink, Some(Place::Meadow)),
    combination("a green car in the snow", Who::Thing(ThingKind::Car), Colour::Green, Some(Place::Snow)),
    combination("a blue duck in a meadow", Who::Thing(ThingKind::Duck), Colour::Blue, Some(Place::Meadow)),
    combination("a white house on the moon", Who::Thing(ThingKind::House), Colour::White, Some(Place::Moon)),
    combination("a yellow rocket on the beach", Who::Thing(ThingKind::Rocket), Colour::Yellow, Some(Place::Beach)),
    combination("a violet cup on a wooden floor", Who::Thing(ThingKind::Cup), Colour::Violet, Some(Place::WoodenFloor)),
    combination("a black cat in the desert", Who::Thing(ThingKind::Cat), Colour::Black, Some(Place::Desert)),
    combination("a pink mushroom at night", Who::Thing(ThingKind::Mushroom), Colour::Pink, Some(Place::Night)),
];

const fn combination(name: &'static str, who: Who, colour: Colour, place: Option<Place>) -> HeldOut {
    HeldOut { name, who, colour: Some(colour), hair: None, place }
}

/// The first rule that holds the description out.
pub(crate) fn rule(description: &Description) -> Option<HeldOut> {
    RULES.into_iter().find(|rule| description.subjects.iter().any(|subject| rule.holds(subject, description.place)))
}

impl HeldOut {
    fn holds(&self, subject: &Subject, place: Place) -> bool {
        let hair = |(colour, style)| matches!(subject, Subject::Person(person) if (person.hair, person.hair_style) == (colour, style));
        self.who.is(subject)
            && self.colour.is_none_or(|colour| subject.colour() == colour)
            && self.hair.is_none_or(hair)
            && self.place.is_none_or(|here| here == place)
    }

    /// Whom it is about.
    pub(crate) fn who(&self) -> Who {
        self.who
    }

    /// Changes a description of those it is about so that the rule holds it out.
    pub(crate) fn impose(&self, description: &mut Description) {
        if let Some(place) = self.place {
            description.place = place;
        }
        for subject in &mut description.subjects {
            match subject {
                Subject::Person(person) => {
                    person.clothes = self.colour.unwrap_or(person.clothes);
                    (person.hair, person.hair_style) = self.hair.unwrap_or((person.hair, person.hair_style));
                    if self.hair.is_some() {
                        // A bun and a hat do not go together.
                        person.hat = None;
                    }
                }
                Subject::Thing(thing) => thing.colour = self.colour.unwrap_or(thing.colour),
            }
        }
        // A portrait may leave a place's ground out, by which it is known.
        description.framing = Framing::Full;
    }
}
