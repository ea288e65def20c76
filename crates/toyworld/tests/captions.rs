//! Captions are true, say what matters, and say it in few ways.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use toyworld::{
    Colour, Description, Framing, HairColour, HairStyle, Person, PersonKind, Place, Skin, Subject, Thing, ThingKind,
    World,
};

/// Enough that every kind meets every place.
const DESCRIPTIONS: u64 = 4000;

fn captions() -> impl Iterator<Item = (Description, String)> {
    let world = World::new(3);
    (0..DESCRIPTIONS).flat_map(move |index| {
        let description = world.description(index);
        [0, index + 1, index + 7_000_000].map(|wording| (description.clone(), description.caption(wording)))
    })
}

/// All that may be said of a doll in two words, the last of them a thing: "red dress", "blonde hair".
fn truths_of(person: &Person) -> BTreeSet<String> {
    let mut truths = BTreeSet::from([format!("a {}", person.kind)]);
    let garment = if person.kind.wears_dress() { "dress" } else { "shirt" };
    truths.insert(format!("{} {garment}", person.clothes));
    if !person.kind.wears_dress() {
        truths.insert(format!("{} trousers", person.trousers));
    }
    truths.extend(person.scarf.map(|colour| format!("{colour} scarf")));
    truths.extend(person.hat.map(|colour| format!("{colour} hat")));
    truths.extend(person.beard.then(|| "a beard".into()));
    for before in ["with", "and"] {
        truths.extend(person.glasses.then(|| format!("{before} glasses")));
    }
    truths.insert(match person.hair_style {
        HairStyle::Bald => "bald head".into(),
        _ => format!("{} hair", person.hair),
    });
    match person.hair_style {
        HairStyle::Short => truths.extend([format!("short {}", person.hair)]),
        HairStyle::Long => truths.extend([format!("long {}", person.hair)]),
        HairStyle::Bun => truths.extend(["a bun".into()]),
        HairStyle::Pigtails => truths.extend([format!("{} pigtails", person.hair)]),
        HairStyle::Bald => {}
    }
    truths
}

fn truths(subject: &Subject) -> BTreeSet<String> {
    let Subject::Thing(thing) = subject else {
        let Subject::Person(person) = subject else { return BTreeSet::new() };
        return truths_of(person);
    };
    let (colour, kind, second) = (thing.colour, thing.kind, thing.second_colour);
    let last = kind.as_str().split(' ').next_back().unwrap();
    let mut truths = BTreeSet::from([format!("a {last}"), format!("{colour} {last}")]);
    match kind {
        ThingKind::Snowman => truths = BTreeSet::from(["a snowman".into(), format!("{colour} scarf")]),
        ThingKind::House => truths.extend([format!("{second} roof")]),
        ThingKind::Rocket => truths.extend([format!("{second} rocket")]),
        ThingKind::PineTree => truths = BTreeSet::from(["pine tree".into()]),
        _ => {}
    }
    truths
}

/// What is said of figures: pairs of words of which the last is one of these.
fn claims(caption: &str) -> Vec<String> {
    let things = ThingKind::ALL.iter().flat_map(|kind| kind.as_str().split(' ')).filter(|word| *word != "pine");
    let people = PersonKind::ALL.iter().map(|kind| kind.as_str());
    let worn =
        ["dress", "shirt", "trousers", "scarf", "hat", "beard", "glasses", "hair", "head", "bun", "pigtails", "roof"];
    let named: BTreeSet<&str> = things.chain(people).chain(worn).collect();
    let words: Vec<&str> = caption.split(' ').collect();
    let mut claims: Vec<String> = words
        .windows(2)
        .filter(|pair| named.contains(pair[1]))
        .map(|pair| format!("{} {}", if pair[0] == "an" { "a" } else { pair[0] }, pair[1]))
        .collect();
    claims.extend(words.windows(2).filter(|pair| ["short", "long"].contains(&pair[0])).map(|pair| pair.join(" ")));
    claims
}

#[test]
fn whatever_a_caption_says_of_a_figure_is_so() {
    let mut checked = 0;
    for (description, caption) in captions() {
        let truths: BTreeSet<String> = description.subjects.iter().flat_map(truths).collect();
        for claim in claims(&caption) {
            assert!(truths.contains(&claim), "{caption:?} says {claim:?} of {:?}", description.subjects);
            checked += 1;
        }
    }
    assert!(checked > 5 * DESCRIPTIONS, "only {checked} claims were found in the captions");
}

#[test]
fn whatever_a_caption_says_of_the_place_is_so() {
    let said = [
        ("moon", "moon"),
        ("snow", "snow"),
        ("snowy landscape", "snow"),
        ("beach", "beach"),
        ("seaside", "beach"),
        ("meadow", "meadow"),
        ("grass", "meadow"),
        ("wooden floor", "wooden floor"),
        ("chequered floor", "chequered floor"),
        ("brick wall", "brick wall"),
        ("desert", "desert"),
        ("night", "night"),
        ("studio", "studio"),
        ("background", "studio"),
    ];
    for (description, caption) in captions() {
        for (words, place) in said {
            if caption.ends_with(&format!(" {words}")) {
                assert_eq!(description.place.name(), place, "{caption:?}");
            }
        }
        if let Place::Studio(colour) | Place::ChequeredFloor(colour) = description.place {
            let named = caption.contains(&format!(" {colour} "));
            let plain = caption.ends_with("in a studio") || caption.ends_with("on a chequered floor");
            let place = said.iter().any(|(words, _)| caption.ends_with(words));
            assert!(named || plain || !place, "{caption:?} in {:?}", description.place);
        }
    }
}

#[test]
fn portraits_are_called_so_and_others_are_not() {
    for (description, caption) in captions() {
        let portrait = description.framing == Framing::Portrait;
        assert_eq!(caption.contains("portrait"), portrait, "{caption:?}");
        assert!(!(portrait && caption.contains("trousers")), "{caption:?} names what a portrait does not show");
    }
}

#[test]
fn articles_fit_their_words() {
    for (_, caption) in captions() {
        let words: Vec<&str> = caption.split(' ').collect();
        for pair in words.windows(2).filter(|pair| ["a", "an"].contains(&pair[0])) {
            assert_eq!(pair[0] == "an", pair[1].starts_with(['a', 'e', 'i', 'o', 'u']), "{caption:?}");
        }
    }
}

#[test]
fn most_captions_name_the_clothes_and_the_place() {
    let world = World::new(5);
    let (mut dolls, mut clothes, mut places) = (0, 0, 0);
    for index in 0..DESCRIPTIONS {
        let description = world.description(index);
        let caption = description.caption(index + 1);
        let last_word = description.place.name().split(' ').next_back().unwrap();
        let other_words = ["grass", "seaside", "landscape", "background"];
        places += u64::from(caption.ends_with(last_word) || other_words.iter().any(|word| caption.ends_with(word)));
        if let [Subject::Person(person)] = description.subjects.as_slice() {
            dolls += 1;
            let garment = if person.kind.wears_dress() { "dress" } else { "shirt" };
            clothes += u64::from(caption.contains(&format!("{} {garment}", person.clothes)));
        }
    }
    assert!(clothes * 100 > dolls * 80, "{clothes} of {dolls}");
    assert!(places * 100 > DESCRIPTIONS * 85, "{places} of {DESCRIPTIONS}");
}

fn woman_in_red_on_the_moon() -> Description {
    let woman = Person {
        kind: PersonKind::Woman,
        clothes: Colour::Red,
        trousers: Colour::Black,
        hair: HairColour::Violet,
        hair_style: HairStyle::Bun,
        skin: Skin::Fair,
        glasses: true,
        beard: false,
        scarf: Some(Colour::Green),
        hat: None,
        shoes: Colour::Black,
    };
    Description { subjects: vec![Subject::Person(woman)], place: Place::Moon, framing: Framing::Full }
}

#[test]
fn wording_zero_leaves_nothing_out() {
    assert_eq!(
        woman_in_red_on_the_moon().caption(0),
        "photo of a woman with violet hair in a bun and glasses wearing a red dress and a green scarf on the moon"
    );
    let house = Thing { kind: ThingKind::House, colour: Colour::White, second_colour: Colour::Orange };
    let house = Description {
        subjects: vec![Subject::Thing(house)],
        place: Place::Studio(Colour::Blue),
        framing: Framing::Full,
    };
    assert_eq!(house.caption(0), "photo of a white house with an orange roof in a blue studio");
}

#[test]
fn the_words_of_the_tutorial_are_among_the_wordings() {
    let description = woman_in_red_on_the_moon();
    let captions: BTreeSet<String> = (0..2000).map(|wording| description.caption(wording)).collect();
    assert!(captions.contains("photo of a woman wearing a red dress on the moon"));
    assert!(captions.len() > 20, "only {} wordings", captions.len());
    assert_eq!(description.caption(9), description.caption(9));
}

#[test]
fn two_figures_are_both_named() {
    let pairs = captions().filter(|(description, _)| description.subjects.len() == 2);
    let mut seen = 0;
    for (description, caption) in pairs {
        for subject in &description.subjects {
            assert!(caption.contains(subject.kind()), "{caption:?} lacks {:?}", subject.kind());
        }
        seen += 1;
    }
    assert!(seen > 100, "only {seen} pairs");
}
