//! One declaration gives words, spellings, explanations and refusals.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use names::{Name, UnknownName, names};

names! {
    /// How the learning rate changes.
    pub(crate) enum Schedule: "schedule" {
        /// Falls evenly
        /// to 0.
        Linear = "linear",
        /// Does not change.
        Constant = "constant" ["flat", "none"],
    }
}

#[test]
fn a_name_is_found_by_its_word_and_its_other_spellings_in_any_case() {
    for text in ["constant", "FLAT", "None"] {
        assert_eq!(text.parse::<Schedule>().unwrap(), Schedule::Constant);
    }
    assert_eq!(format!("{:>8}|{}", Schedule::Linear, Schedule::Constant), "  linear|constant");
    assert_eq!(Schedule::ALL, [Schedule::Linear, Schedule::Constant]);
}

#[test]
fn an_unknown_word_is_told_all_names_and_is_shortened() {
    let error = "linaer".parse::<Schedule>().unwrap_err();
    assert_eq!(error.to_string(), "\"linaer\" is no schedule; known are linear, constant");
    let long: UnknownName = "x".repeat(10_000).parse::<Schedule>().unwrap_err();
    assert!(long.to_string().len() < 200);
}

#[test]
fn a_name_travels_as_its_word() {
    assert_eq!(serde_json::to_string(&Schedule::Constant).unwrap(), "\"constant\"");
    assert_eq!(serde_json::from_str::<Schedule>("\"flat\"").unwrap(), Schedule::Constant);
    assert_eq!(serde_json::from_str::<Schedule>("\"fl\\u0061t\"").unwrap(), Schedule::Constant);
    assert!(serde_json::from_str::<Schedule>("\"steep\"").is_err());
}

#[test]
fn the_explanation_is_the_one_of_the_declaration() {
    assert_eq!(Schedule::Linear.doc(), "Falls evenly to 0.");
    assert_eq!(Schedule::Constant.aliases(), ["flat", "none"]);
    assert_eq!(Schedule::list(), "linear, constant");
}
