//! The whole reading, in its order.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::path::Path;

use prompt::chunks::{Embeddings, Tokenize};
use prompt::emphasis::EmphasisMode;
use prompt::schedule::{Pass, Steps};
use prompt::styles::Styles;
use prompt::{Language, Prompt, TEXT_BYTES_MAX, TooLong};
use serde_json::Value;

mod support;

fn styled(table: &str, names: &[&str]) -> Language {
    Language { styles: Styles::read(table).unwrap().named(names), ..Language::default() }
}

#[test]
fn a_prompt_goes_through_comments_styles_networks_and_and() {
    let language = styled("name,prompt,negative_prompt\noil,oil <lora:oil:0.5> # thick\n", &["oil"]);
    let prompt = Prompt::positive("a cat # mine\nAND [a|b] dog :1.2 # and his", &language).unwrap();
    assert_eq!(prompt.text, "a cat \nAND [a|b] dog :1.2, oil <lora:oil:0.5>");
    assert_eq!(prompt.networks.len(), 1);
    assert_eq!(&prompt.text[prompt.networks[0].span.clone()], "<lora:oil:0.5>");
    let parts: Vec<_> = prompt.parts.iter().map(|part| (part.text.as_str(), part.weight)).collect();
    assert_eq!(parts, [("a cat", 1.0), (" [a|b] dog :1.2, oil", 1.0)], "the style took the end");
    let schedule = prompt.parts[1].schedule(Pass::First(Steps { count: 2, evaluations: 1 }));
    assert_eq!(schedule.texts(), [" a dog :1.2, oil", " b dog :1.2, oil"]);
}

#[test]
fn a_negative_prompt_has_comments_and_styles_and_nothing_else() {
    let language = styled("name,prompt,negative_prompt\nugly,,\"ugly, {prompt}\"\n", &["ugly"]);
    let prompt = Prompt::negative("blurry <lora:x:1> AND dark :2 # or so", &language).unwrap();
    assert_eq!(prompt.text, "ugly, blurry <lora:x:1> AND dark :2 ");
    assert!(prompt.networks.is_empty());
    let [part] = prompt.parts.try_into().unwrap();
    assert_eq!((part.text, part.weight), (prompt.text, 1.0));
}

#[test]
fn what_joins_round_a_network_is_read_as_one() {
    let prompt = Prompt::positive("a A<lora:x>ND b [c:d<lora:y>:1]", &Language::default()).unwrap();
    assert_eq!(prompt.parts.len(), 2);
    assert_eq!(prompt.parts[1].text, " b [c:d:1]");
}

#[test]
fn comments_may_be_switched_off() {
    let language = Language { comments: false, ..Language::default() };
    assert_eq!(Prompt::positive("colour #ff0000", &language).unwrap().parts[0].text, "colour #ff0000");
}

#[test]
fn the_usual_language_is_that_of_the_web_ui() {
    let language = Language::default();
    assert_eq!((language.emphasis, language.comma_padding_backtrack), (EmphasisMode::Original, 20));
    assert!(language.comments && language.styles.is_empty());
}

#[test]
fn styles_that_multiply_the_text_end_in_a_sentence() {
    let table = "name,prompt,negative_prompt\ntwice,{prompt}{prompt},{prompt}{prompt}\n";
    let language = styled(table, &["twice"; 1_000]);
    assert_eq!(Prompt::positive("cat", &language), Err(TooLong));
    assert_eq!(
        Prompt::negative("cat", &language).unwrap_err().to_string(),
        "the prompt is longer than 100000 bytes with its styles; shorten it or name fewer styles"
    );
    assert_eq!(Prompt::positive("", &language).unwrap().text, "");
    assert!(Prompt::positive(&"a".repeat(TEXT_BYTES_MAX), &Language::default()).is_ok());
}

/// Every text under a key that names a prompt.
fn prompts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if key.ends_with("prompt") => found.push(text.clone()),
                    _ => prompts(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| prompts(value, found)),
        _ => {}
    }
}

#[test]
fn prompts_that_people_sent_are_read() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let files = [shared.join("webui/cases.json")];
    let folder = fs::read_dir(shared.join("requests")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = Vec::new();
    for file in files.into_iter().chain(folder) {
        if let Ok(text) = fs::read_to_string(&file) {
            prompts(&serde_json::from_str(&text).unwrap(), &mut found);
        }
    }
    if found.is_empty() {
        writeln!(std::io::stdout().lock(), "skipped: no prompts in ../shared/data").unwrap();
        return;
    }
    let language = Language::default();
    for text in found {
        for prompt in [Prompt::positive(&text, &language).unwrap(), Prompt::negative(&text, &language).unwrap()] {
            assert_eq!(prompt.text, text, "nobody wrote a comment");
            for part in prompt.parts {
                let schedule = part.schedule(Pass::First(Steps { count: 8, evaluations: 1 }));
                let chunks = language.chunks(schedule.texts(), &support::Words, &Embeddings::default());
                for (variant, chunks) in schedule.texts().iter().zip(chunks) {
                    let is_plain = !variant.contains(['(', '[', '\\']) && !variant.contains("BREAK");
                    let ids = chunks.iter().flat_map(|chunk| chunk.ids);
                    let words: Vec<_> = ids.filter(|id| ![support::BEGIN, support::END].contains(id)).collect();
                    assert!(!is_plain || words == support::Words.encode(variant), "no word is lost of {variant}");
                }
            }
        }
    }
}
