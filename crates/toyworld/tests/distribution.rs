//! What training sees, how often, and what it never sees.

use std::collections::{BTreeMap, BTreeSet};

use toyworld::held_out::RULES;
use toyworld::{Attribute, Colour, Description, Framing, HairColour, HairStyle, Place, Subject, ThingKind, World};

const DESCRIPTIONS: u64 = 20_000;

fn training() -> Vec<Description> {
    let world = World::new(1);
    (0..DESCRIPTIONS).map(|index| world.description(index)).collect()
}

fn share(descriptions: &[Description], is: impl Fn(&Description) -> bool) -> f64 {
    descriptions.iter().filter(|description| is(description)).count() as f64 / descriptions.len() as f64
}

#[test]
fn training_never_sees_a_combination_that_is_held_out() {
    for description in training() {
        assert_eq!(description.held_out(), None, "{description:?}");
    }
}

#[test]
fn the_best_known_of_them_by_hand() {
    for description in training() {
        for subject in &description.subjects {
            match subject {
                Subject::Person(person) => {
                    let red_dress = person.kind.wears_dress() && person.clothes == Colour::Red;
                    assert!(!(red_dress && description.place == Place::Moon), "{description:?}");
                    let violet_bun = person.hair == HairColour::Violet && person.hair_style == HairStyle::Bun;
                    assert!(!violet_bun, "{description:?}");
                }
                Subject::Thing(thing) => {
                    let red = thing.colour == Colour::Red;
                    assert!(!(red && thing.kind == ThingKind::Robot), "{description:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_held_out_is_drawn_from_every_rule_alike() {
    let world = World::new(1);
    let mut drawn: BTreeMap<&str, u32> = BTreeMap::new();
    for index in 0..(RULES.len() as u64 * 20) {
        let description = world.held_out(index);
        let rule = description.held_out();
        assert!(rule.is_some(), "{description:?} is nothing held out");
        *drawn.entry(rule.map_or("", |rule| rule.name)).or_default() += 1;
    }
    assert_eq!(drawn.len(), RULES.len(), "{drawn:?}");
    assert!(drawn.values().all(|count| *count >= 10), "{drawn:?}");
}

#[test]
fn the_parts_of_what_is_held_out_are_all_seen_in_training() {
    let world = World::new(1);
    let seen: BTreeSet<(Attribute, &str)> = training().iter().flat_map(Description::attributes).collect();
    for index in 0..640 {
        for part in world.held_out(index).attributes() {
            assert!(seen.contains(&part), "training never sees {part:?}");
        }
    }
}

#[test]
fn half_of_the_pictures_show_a_doll_alone_and_a_tenth_each_are_portraits_and_pairs() {
    let training = training();
    let doll = |description: &Description| matches!(description.subjects.as_slice(), [Subject::Person(_)]);
    assert!((0.45..0.55).contains(&share(&training, doll)));
    let portraits = share(&training, |description| description.framing == Framing::Portrait);
    assert!((0.08..0.12).contains(&portraits), "{portraits}");
    let pairs = share(&training, |description| description.subjects.len() == 2);
    assert!((0.08..0.12).contains(&pairs), "{pairs}");
}

#[test]
fn every_kind_place_and_paint_is_seen_often() {
    let training = training();
    for place in Place::ALL {
        let seen = share(&training, |description| description.place.name() == place.name());
        assert!((0.08..0.12).contains(&seen), "{place:?}: {seen}");
    }
    for kind in ThingKind::ALL {
        let seen = share(&training, |description| description.subjects.iter().any(|who| who.kind() == kind.as_str()));
        assert!(seen > 0.015, "{kind}: {seen}");
    }
    for paint in Colour::PAINTS {
        let seen = share(&training, |description| description.subjects.iter().any(|who| who.colour() == paint));
        assert!(seen > 0.05, "{paint}: {seen}");
    }
}

#[test]
fn a_portrait_shows_one_doll() {
    for description in training().iter().filter(|description| description.framing == Framing::Portrait) {
        assert!(matches!(description.subjects.as_slice(), [Subject::Person(_)]), "{description:?}");
    }
}

#[test]
fn a_number_always_shows_the_same_and_worlds_differ() {
    let here: Vec<Description> = (0..200).map(|index| World::new(8).description(index)).collect();
    assert_eq!(here, (0..200).map(|index| World::new(8).description(index)).collect::<Vec<_>>());
    let there = (0..200).map(|index| World::new(9).description(index));
    let same = here.iter().zip(there).filter(|(one, other)| *one == other).count();
    assert!(same < 10, "{same} of 200 are the same in another world");
}

#[test]
fn the_truth_about_a_picture_has_one_answer_to_each_question() {
    for description in training().iter().take(2000) {
        let attributes = description.attributes();
        let questions: BTreeSet<Attribute> = attributes.iter().map(|(question, _)| *question).collect();
        assert_eq!(questions.len(), attributes.len(), "{attributes:?}");
        let place = (Attribute::Place, description.place.name());
        assert!(attributes.contains(&place), "{attributes:?}");
    }
}
