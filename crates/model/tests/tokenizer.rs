//! Prompts become the tokens that transformers' CLIP tokenizer makes of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use model::Tokenizer;
use serde_json::Value;

fn cases() -> Vec<Value> {
    let text = std::fs::read_to_string(support::golden("tokens.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    golden["cases"].as_array().unwrap().clone()
}

fn ids(value: &Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
}

#[test]
fn tokens_are_those_of_transformers() {
    let tokenizer = Tokenizer::clip();
    let mut wrong = Vec::new();
    let mut right = 0;
    for case in cases() {
        let text = case["text"].as_str().unwrap();
        // Repairing text that was decoded in a wrong encoding is the one step of ftfy left out.
        if case["mojibake"] == true {
            continue;
        }
        if tokenizer.encode(text) == ids(&case["ids"]) && tokenizer.encode_padded(text) == ids(&case["padded"]) {
            right += 1;
        } else {
            wrong.push(format!("{text:?}: {:?} instead of {:?}", tokenizer.encode(text), ids(&case["ids"])));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(right > 70, "only {right} prompts were compared");
}

#[test]
fn a_padded_sequence_has_77_tokens_and_ends_with_the_end() {
    let tokenizer = Tokenizer::clip();
    let short = tokenizer.encode_padded("wixbs dog");
    assert_eq!(short[..6], [49406, 820, 87, 1329, 1929, 49407]);
    assert!(short[6..].iter().all(|&id| id == 49407));
    let long = tokenizer.encode_padded(&"dog ".repeat(1000));
    assert_eq!((short.len(), long.len()), (77, 77));
    assert_eq!((long[75], long[76]), (1929, 49407));
}

#[test]
fn any_text_at_all_is_tokenized_in_reasonable_time() {
    let tokenizer = Tokenizer::clip();
    let hostile = [
        "a".repeat(200_000),
        "abcdefghijklmnopqrstuvwxyz".repeat(8_000),
        "\u{1F408}".repeat(50_000),
        "&amp;".repeat(20_000),
        format!("&{}lt;", "amp;".repeat(20_000)),
        "&".repeat(100_000),
        "\u{1b}[".repeat(50_000),
        "'".repeat(100_000),
        "e\u{301}".repeat(50_000),
        "\0".repeat(100_000),
    ];
    let start = Instant::now();
    for text in hostile {
        assert!(tokenizer.encode(&text).iter().all(|id| (0..49408).contains(id)));
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}
