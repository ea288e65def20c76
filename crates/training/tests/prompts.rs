//! Captions become token ids and embeddings, padded as drawing pads them or to the longest of a batch.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Device, Kind, Tensor};
use model::tokenizer::{BOS, EOS};
use model::{TextEncoder, Tokenizer};
use protocol::CaptionPadding;
use support::Workshop;
use training::prompts::{CAPTION_TOKENS_MAX, Prompts, caption_tokens};

/// With beginning and end they take 3, 5 and 3 positions.
const CAPTIONS: [&str; 3] = ["dog", "a red dog", "dog"];

fn prompts(padding: CaptionPadding) -> Prompts {
    Prompts::new(CAPTIONS, &Tokenizer::clip(), padding)
}

fn encoder() -> TextEncoder {
    Workshop::new().base.text_encoder(Device::Cpu, Kind::Float).unwrap()
}

#[track_caller]
fn assert_close(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.size(), expected.size());
    let error = (found - expected).abs().max().double_value(&[]);
    // Matrix products of other sizes add in another order.
    assert!(error < 1e-5, "{error}");
}

#[test]
fn equal_captions_share_an_embedding_and_other_ones_do_not() {
    let prompts = prompts(CaptionPadding::MaxLength);
    let ids = prompts.ids(&[0, 1, 2], Device::Cpu);
    assert_eq!(ids.size(), [3, 77]);
    assert_eq!(ids.get(0), ids.get(2));
    assert_ne!(ids.get(0), ids.get(1));
    let encoder = encoder();
    let context = prompts.encode(&encoder, Device::Cpu).context(&[1, 2]);
    assert_eq!(context.size(), [2, 77, 8]);
    assert_close(&context, &encoder.forward(&prompts.ids(&[1, 2], Device::Cpu), Kind::Float));
}

#[test]
fn a_batch_is_padded_to_its_longest_caption_where_that_is_asked_for() {
    let prompts = prompts(CaptionPadding::Longest);
    let ids = |batch| Vec::<Vec<i64>>::try_from(prompts.ids(batch, Device::Cpu)).unwrap();
    let dog = Tokenizer::clip().encode("dog")[0];
    assert_eq!(ids(&[0]), [vec![BOS, dog, EOS]], "not padded at all");
    assert_eq!(ids(&[0, 1])[0], [BOS, dog, EOS, EOS, EOS]);
}

#[test]
fn embeddings_kept_for_all_batches_are_those_of_each_batch() {
    let (prompts, encoder) = (prompts(CaptionPadding::Longest), encoder());
    let embeddings = prompts.encode(&encoder, Device::Cpu);
    for (batch, positions) in [(vec![0], 3), (vec![1], 5), (vec![2, 1], 5), (vec![0, 2], 3)] {
        let context = embeddings.context(&batch);
        assert_eq!(context.size(), [batch.len() as i64, positions, 8]);
        assert_close(&context, &encoder.forward(&prompts.ids(&batch, Device::Cpu), Kind::Float));
    }
}

#[test]
fn an_empty_caption_takes_two_positions_and_a_long_one_all() {
    let long = "dog ".repeat(100);
    assert_eq!((caption_tokens(""), caption_tokens(&long), CAPTION_TOKENS_MAX), (0, 100, 75));
    let prompts = Prompts::new(["", long.as_str()], &Tokenizer::clip(), CaptionPadding::Longest);
    assert_eq!(prompts.ids(&[0], Device::Cpu).size(), [1, 2]);
    let ids = prompts.ids(&[1], Device::Cpu);
    assert_eq!((ids.size(), ids.int64_value(&[0, 76])), (vec![1, 77], EOS), "the end is kept");
}
