//! What is to be seen in a picture: everything a caption may name, and nothing of chance.

use image::RgbImage;
use names::names;

use crate::caption;
use crate::colour::{Colour, HairColour, Skin};
use crate::held_out::{self, HeldOut};
use crate::place::Place;
use crate::stage::Stage;

names! {
    /// Which doll.
    #[derive(PartialOrd, Ord)]
    pub enum PersonKind: "doll" {
        /// In a dress.
        Woman = "woman",
        /// In shirt and trousers.
        Man = "man",
        /// Small, in a dress.
        Girl = "girl",
        /// Small, in shirt and trousers.
        Boy = "boy",
    }
}

impl PersonKind {
    /// Whether it wears a dress; the others wear shirts.
    #[must_use]
    pub fn wears_dress(self) -> bool {
        matches!(self, Self::Woman | Self::Girl)
    }

    /// Whether its body is small.
    #[must_use]
    pub fn is_child(self) -> bool {
        matches!(self, Self::Girl | Self::Boy)
    }
}

names! {
    /// What else there is.
    #[derive(PartialOrd, Ord)]
    pub enum ThingKind: "thing" {
        /// A tin robot with an antenna.
        Robot = "robot",
        /// A car with two windows a side.
        Car = "car",
        /// A house with a pitched roof.
        House = "house",
        /// A tree with a round crown.
        Tree = "tree",
        /// A conifer.
        PineTree = "pine tree",
        /// A cup with a handle.
        Cup = "cup",
        /// A ball.
        Ball = "ball",
        /// A cube with round edges.
        Cube = "cube",
        /// A mushroom with white dots.
        Mushroom = "mushroom",
        /// A sitting cat.
        Cat = "cat",
        /// A sitting dog.
        Dog = "dog",
        /// A teddy bear.
        Bear = "bear",
        /// A snowman with hat and scarf.
        Snowman = "snowman",
        /// A rocket with three fins.
        Rocket = "rocket",
        /// A bath duck.
        Duck = "duck",
    }
}

names! {
    /// How hair is worn.
    #[derive(PartialOrd, Ord)]
    pub enum HairStyle: "hair style" {
        /// It ends at the ears.
        Short = "short",
        /// It falls over the shoulders.
        Long = "long",
        /// A knot on top of the head.
        Bun = "bun",
        /// Two tails at the sides.
        Pigtails = "pigtails",
        /// None.
        Bald = "bald",
    }
}

names! {
    /// How much of a figure is in the picture.
    #[derive(PartialOrd, Ord)]
    pub enum Framing: "framing" {
        /// From head to foot.
        Full = "full",
        /// Head and shoulders. Only a single doll has a portrait.
        Portrait = "portrait",
    }
}

/// A doll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Woman, man, girl or boy.
    pub kind: PersonKind,
    /// Of the dress or the shirt.
    pub clothes: Colour,
    /// Of a man's or boy's trousers; nobody sees it on others.
    pub trousers: Colour,
    /// Of hair, beard and brows.
    pub hair: HairColour,
    /// How the hair is worn.
    pub hair_style: HairStyle,
    /// Of face, arms and legs.
    pub skin: Skin,
    /// Round ones with a dark rim.
    pub glasses: bool,
    /// A full one.
    pub beard: bool,
    /// With one end hanging down in front.
    pub scarf: Option<Colour>,
    /// With a brim.
    pub hat: Option<Colour>,
    /// Captions do not name it.
    pub shoes: Colour,
}

/// Whatever is no doll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// What it is.
    pub kind: ThingKind,
    /// Its main colour; a snowman's is his scarf's.
    pub colour: Colour,
    /// A roof's, a rocket's fins', a robot's hands'.
    pub second_colour: Colour,
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A doll.
    Person(Person),
    /// Anything else.
    Thing(Thing),
}

impl Subject {
    /// What it is, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Person(person) => person.kind.as_str(),
            Self::Thing(thing) => thing.kind.as_str(),
        }
    }

    /// Of the clothes or of the thing.
    #[must_use]
    pub fn colour(&self) -> Colour {
        match self {
            Self::Person(person) => person.clothes,
            Self::Thing(thing) => thing.colour,
        }
    }
}

names! {
    /// A question that has one true answer for the first figure of a picture.
    #[derive(PartialOrd, Ord)]
    pub enum Attribute: "attribute" {
        /// What it is.
        Kind = "kind",
        /// Of dress, shirt or thing.
        Colour = "colour",
        /// Dolls only.
        HairColour = "hair colour",
        /// Dolls only.
        HairStyle = "hair style",
        /// Dolls only: yes or no.
        Glasses = "glasses",
        /// Dolls only: its colour, or none.
        Scarf = "scarf",
        /// Dolls only: its colour, or none.
        Hat = "hat",
        /// Without the colour of a studio.
        Place = "place",
        /// Full or portrait.
        Framing = "framing",
    }
}

/// What is to be seen in a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// One figure or two, from left to right.
    pub subjects: Vec<Subject>,
    /// Where they are.
    pub place: Place,
    /// How near they are.
    pub framing: Framing,
}

impl Description {
    /// A sentence that is true. `wording` chooses synonyms and what is left out; 0 leaves nothing out.
    #[must_use]
    pub fn caption(&self, wording: u64) -> String {
        caption::caption(self, wording)
    }

    /// A square picture of `side` pixels. `pose` chooses arms, camera, light and whatever has no name.
    #[must_use]
    pub fn render(&self, pose: u64, side: u32) -> RgbImage {
        Stage::new(self, pose).photograph(side)
    }

    /// The rule, if any, that keeps this from training.
    #[must_use]
    pub fn held_out(&self) -> Option<HeldOut> {
        held_out::rule(self)
    }

    /// The truth about the first figure and the place.
    #[must_use]
    pub fn attributes(&self) -> Vec<(Attribute, &'static str)> {
        let mut all = vec![(Attribute::Place, self.place.name()), (Attribute::Framing, self.framing.as_str())];
        let Some(subject) = self.subjects.first() else { return all };
        all.push((Attribute::Kind, subject.kind()));
        all.push((Attribute::Colour, subject.colour().as_str()));
        if let Subject::Person(person) = subject {
            let worn = |colour: Option<Colour>| colour.map_or("none", Colour::as_str);
            let hair = if person.hair_style == HairStyle::Bald { "none" } else { person.hair.as_str() };
            all.extend([
                (Attribute::HairColour, hair),
                (Attribute::HairStyle, person.hair_style.as_str()),
                (Attribute::Glasses, if person.glasses { "yes" } else { "no" }),
                (Attribute::Scarf, worn(person.scarf)),
                (Attribute::Hat, worn(person.hat)),
            ]);
        }
        all
    }
}
