//! Which descriptions there are, and how often each.

use crate::chance::Chance;
use crate::colour::{Colour, HairColour, Skin};
use crate::description::{Description, Framing, HairStyle, Person, PersonKind, Subject, Thing, ThingKind};
use crate::held_out::{RULES, Who};
use crate::place::Place;

/// Two figures in this share of the pictures.
const PAIRS: f32 = 0.10;
/// Dolls in this share of the others.
const PEOPLE: f32 = 0.56;
/// This share of single dolls is near: a tenth of all pictures.
const PORTRAITS: f32 = 0.20;
/// Women are seen more often than men: dresses show their colour best.
const PEOPLE_SEEN: [PersonKind; 8] = [
    PersonKind::Woman,
    PersonKind::Woman,
    PersonKind::Woman,
    PersonKind::Man,
    PersonKind::Man,
    PersonKind::Girl,
    PersonKind::Girl,
    PersonKind::Boy,
];
const FURS: [Colour; 7] =
    [Colour::Black, Colour::Grey, Colour::Orange, Colour::White, Colour::Brown, Colour::Blue, Colour::Pink];
const CROWNS: [Colour; 5] = [Colour::Green, Colour::Green, Colour::Orange, Colour::Pink, Colour::Red];
const SHOES: [Colour; 5] = [Colour::Black, Colour::Brown, Colour::Red, Colour::White, Colour::Blue];

/// All pictures of one seed, each by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    seed: u64,
}

impl World {
    /// The world of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// What picture `index` shows: something to train on, never held out.
    #[must_use]
    pub fn description(&self, index: u64) -> Description {
        let mut chance = Chance::new(self.seed, index);
        loop {
            let description = description(&mut chance);
            if description.held_out().is_none() {
                return description;
            }
        }
    }

    /// One of the combinations that training never shows; each comes up equally often.
    #[must_use]
    pub fn held_out(&self, index: u64) -> Description {
        let mut chance = Chance::new(!self.seed, index);
        let rule = RULES[(index % RULES.len() as u64) as usize];
        let subject = match rule.who() {
            Who::InDress => person(chance.pick(&[PersonKind::Woman, PersonKind::Girl]), &mut chance),
            Who::InShirt => person(chance.pick(&[PersonKind::Man, PersonKind::Boy]), &mut chance),
            Who::Thing(kind) => thing(kind, &mut chance),
        };
        let mut description =
            Description { subjects: vec![subject], place: place(&mut chance), framing: Framing::Full };
        rule.impose(&mut description);
        description
    }
}

fn description(chance: &mut Chance) -> Description {
    let place = place(chance);
    if chance.often(PAIRS) {
        let first = person(chance.pick(&PEOPLE_SEEN), chance);
        let second = if chance.often(0.5) { person(chance.pick(&PEOPLE_SEEN), chance) } else { any_thing(chance) };
        return Description { subjects: vec![first, second], place, framing: Framing::Full };
    }
    if chance.often(PEOPLE) {
        let doll = person(chance.pick(&PEOPLE_SEEN), chance);
        let framing = if chance.often(PORTRAITS) { Framing::Portrait } else { Framing::Full };
        return Description { subjects: vec![doll], place, framing };
    }
    Description { subjects: vec![any_thing(chance)], place, framing: Framing::Full }
}

fn place(chance: &mut Chance) -> Place {
    match chance.pick(&Place::ALL) {
        Place::ChequeredFloor(_) => Place::ChequeredFloor(chance.pick(&Place::TILES)),
        Place::Studio(_) => Place::Studio(chance.pick(&Place::STUDIOS)),
        place => place,
    }
}

fn person(kind: PersonKind, chance: &mut Chance) -> Subject {
    let hair_style = hair_style(kind, chance);
    let under_a_hat = matches!(hair_style, HairStyle::Short | HairStyle::Long | HairStyle::Pigtails);
    Subject::Person(Person {
        kind,
        clothes: chance.pick(&Colour::PAINTS),
        trousers: chance.pick(&Colour::PAINTS),
        hair: chance.pick(HairColour::ALL),
        hair_style,
        skin: chance.pick(Skin::ALL),
        glasses: chance.often(0.25),
        beard: kind == PersonKind::Man && chance.often(0.35),
        scarf: chance.often(0.25).then(|| chance.pick(&Colour::PAINTS)),
        hat: (under_a_hat && chance.often(0.15)).then(|| chance.pick(&Colour::PAINTS)),
        shoes: chance.pick(&SHOES),
    })
}

fn hair_style(kind: PersonKind, chance: &mut Chance) -> HairStyle {
    match kind {
        PersonKind::Woman => {
            chance.pick(&[HairStyle::Long, HairStyle::Long, HairStyle::Bun, HairStyle::Bun, HairStyle::Short])
        }
        PersonKind::Girl => chance.pick(&[HairStyle::Pigtails, HairStyle::Pigtails, HairStyle::Long, HairStyle::Short]),
        PersonKind::Man if chance.often(0.15) => HairStyle::Bald,
        _ => HairStyle::Short,
    }
}

fn any_thing(chance: &mut Chance) -> Subject {
    thing(chance.pick(ThingKind::ALL), chance)
}

fn thing(kind: ThingKind, chance: &mut Chance) -> Subject {
    let colour = match kind {
        ThingKind::Tree => chance.pick(&CROWNS),
        ThingKind::PineTree => Colour::Green,
        ThingKind::Cat | ThingKind::Dog | ThingKind::Bear => chance.pick(&FURS),
        ThingKind::Duck if chance.often(0.4) => Colour::Yellow,
        _ => chance.pick(&Colour::PAINTS),
    };
    let others: Vec<Colour> = Colour::PAINTS.into_iter().filter(|other| *other != colour).collect();
    Subject::Thing(Thing { kind, colour, second_colour: chance.pick(&others) })
}
