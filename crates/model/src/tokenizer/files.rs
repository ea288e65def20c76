//! The tokenizer's folder as transformers' `CLIPTokenizer` reads it, with the settings of Stable Diffusion 1.5.

use serde_json::{Map, Value, json};

use super::bpe::{MERGES, Vocabulary};
use super::{BOS, EOS, SEQUENCE_LENGTH};

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

pub(super) fn files() -> Vec<(&'static str, String)> {
    vec![
        ("vocab.json", vocabulary().to_string()),
        ("merges.txt", merges()),
        ("tokenizer_config.json", format!("{:#}\n", settings())),
        ("special_tokens_map.json", format!("{:#}\n", special_tokens())),
    ]
}

/// Each piece with its number.
fn vocabulary() -> Value {
    let specials = [(START.to_owned(), BOS), (END.to_owned(), EOS)];
    let pieces = Vocabulary::pieces().into_iter().zip(0_i64..).chain(specials);
    Value::Object(pieces.map(|(piece, token)| (piece, json!(token))).collect::<Map<_, _>>())
}

/// transformers skips the first line, whatever it says, and stops after the merges that its vocabulary has.
fn merges() -> String {
    let (_, merges) = MERGES.split_once('\n').unwrap_or(("", MERGES));
    format!("#version: 0.2\n{merges}")
}

fn special_tokens() -> Value {
    let token = |content: &str, normalized: bool| json!({ "content": content, "lstrip": false, "normalized": normalized, "rstrip": false, "single_word": false });
    json!({
        "bos_token": token(START, true),
        "eos_token": token(END, true),
        "pad_token": END,
        "unk_token": token(END, true),
    })
}

fn settings() -> Value {
    json!({
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": SEQUENCE_LENGTH,
        "do_lower_case": true,
        "add_prefix_space": false,
        "errors": "replace",
        "bos_token": START,
        "eos_token": END,
        "pad_token": END,
        "unk_token": END,
    })
}
