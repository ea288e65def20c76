//! Comments go, styles come.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use prompt::comments;
use prompt::styles::{Styles, StylesError, apply};

const TABLE: &str = "name,prompt,negative_prompt\n\
    watercolour,\"watercolor painting, river\",\"photo, noise\"\n\
    wrapped,\"a drawing of {prompt}, old street\",\"ugly, {prompt}, dark\"\n\
    empty, , \n\
    negative only,,\"lowres, blurry\"\n\
    quoted,\"a \"\"red\"\" cat,\nof two lines\"\n\
    watercolour again,a\n\
    watercolour again,b\n";

#[test]
fn a_comment_goes_to_the_end_of_its_line() {
    assert_eq!(comments::remove("a cat # black\nin a house"), "a cat \nin a house");
    assert_eq!(comments::remove("a cat#"), "a cat");
    assert_eq!(comments::remove("a # b # c"), "a ");
    assert_eq!(comments::remove("no comment,\n\nat all\n"), "no comment,\n\nat all\n");
}

#[test]
fn a_line_that_is_only_a_comment_goes_with_its_newline() {
    assert_eq!(comments::remove("a cat\n# black\nin a house"), "a cat\nin a house");
    assert_eq!(comments::remove("# one\n# two\na cat"), "a cat");
    assert_eq!(comments::remove("# nothing else"), "");
}

#[test]
fn a_style_goes_behind_the_prompt_or_around_it() {
    let styles = Styles::read(TABLE).unwrap();
    let chosen = styles.named(["watercolour", "wrapped", "unknown"]);
    let prompt = chosen.iter().fold("a red cat, blue castle".to_owned(), |text, style| apply(&text, &style.prompt));
    let negative = chosen.iter().fold("blurry, lowres".to_owned(), |text, style| apply(&text, &style.negative_prompt));
    // As a running web UI answered.
    assert_eq!(prompt, "a drawing of a red cat, blue castle, watercolor painting, river, old street");
    assert_eq!(negative, "ugly, blurry, lowres, photo, noise, dark");
}

#[test]
fn every_place_for_the_prompt_is_filled() {
    assert_eq!(apply(" a cat ", "{prompt} and {prompt}"), " a cat  and  a cat ");
    assert_eq!(apply("", "oil, {prompt}"), "oil, ");
}

#[test]
fn an_empty_side_is_dropped_and_the_other_trimmed() {
    assert_eq!(apply("  a cat\n", " "), "a cat");
    assert_eq!(apply(" ", "oil "), "oil");
    assert_eq!(apply("", ""), "");
}

#[test]
fn a_table_says_absent_texts_by_silence() {
    let styles = Styles::read(TABLE).unwrap();
    let [empty, quoted] = styles.named(["empty", "quoted"]).try_into().unwrap();
    assert_eq!((empty.prompt.as_str(), empty.negative_prompt.as_str()), (" ", " "));
    assert_eq!((quoted.prompt.as_str(), quoted.negative_prompt.as_str()), ("a \"red\" cat,\nof two lines", ""));
    assert_eq!(styles.named(["watercolour again"])[0].prompt, "b", "the later of one name counts");
    assert_eq!(styles.iter().count(), 7);
    assert!(styles.named(["Watercolour", "", "None"]).is_empty());
}

#[test]
fn old_tables_and_those_of_other_editors_are_read() {
    let old = Styles::read("\u{feff}name,text\r\noil,oil on canvas\r\n,nameless\r\n").unwrap();
    assert_eq!(old.iter().map(|style| style.prompt.as_str()).collect::<Vec<_>>(), ["oil on canvas"]);
    assert_eq!(Styles::read("").unwrap(), Styles::default());
    let turned = Styles::read("prompt,name\noil on canvas,oil\n").unwrap();
    assert_eq!(turned.named(["oil"])[0].prompt, "oil on canvas");
}

#[test]
fn a_table_without_its_columns_is_refused_in_one_sentence() {
    assert_eq!(Styles::read("oil,oil on canvas\n").unwrap_err(), StylesError::NoColumn("name"));
    let error = Styles::read("name,words\noil,oil on canvas\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the styles' first line has no column \"prompt\"; it should be `name,prompt,negative_prompt`"
    );
}
