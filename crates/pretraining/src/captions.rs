//! What a step says about its pictures.

use engine::tch::{Device, Tensor};
use model::Tokenizer;
use toyworld::{Description, World};
use training::noise::{Stream, Streams};

use crate::recipe::{EMPTY_CAPTIONS, WORDINGS};

/// The truth about all pictures, which is put into words anew in each step.
#[derive(Debug)]
pub struct Captions {
    descriptions: Vec<Description>,
    tokenizer: Tokenizer,
    streams: Streams,
}

impl Captions {
    /// Of the first `pictures` pictures of `world`.
    #[must_use]
    pub fn new(world: &World, pictures: u64, streams: Streams) -> Self {
        let descriptions = (0..pictures).map(|index| world.description(index)).collect();
        Self { descriptions, tokenizer: Tokenizer::clip(), streams }
    }

    /// Token ids for the pictures of `step`, `[b, 77]` i64. Some captions are empty.
    pub fn ids(&self, step: u64, pictures: &[usize], device: Device) -> Tensor {
        let caption = |(item, &picture): (usize, &usize)| {
            if self.streams.uniform(Stream::EmptyCaption, step, item) < EMPTY_CAPTIONS {
                return String::new();
            }
            let choice = self.streams.below(Stream::Wording, step, item, WORDINGS);
            self.descriptions[picture].caption(wording(picture, choice))
        };
        let ids = |caption: String| Tensor::from_slice(&self.tokenizer.encode_padded(&caption));
        let rows: Vec<Tensor> = pictures.iter().enumerate().map(caption).map(ids).collect();
        Tensor::stack(&rows, 0).to_device(device)
    }

    /// Every token that some caption has, sorted: the rows of the token table that training changes.
    #[must_use]
    pub fn tokens(&self) -> Vec<i64> {
        let mut tokens: Vec<i64> = self.tokenizer.encode_padded("").to_vec();
        for (picture, description) in self.descriptions.iter().enumerate() {
            for choice in 0..WORDINGS {
                tokens.extend(self.tokenizer.encode(&description.caption(wording(picture, choice))));
            }
            tokens.sort_unstable();
            tokens.dedup();
        }
        tokens
    }
}

/// The first choice says everything; each picture has other ways to say less.
fn wording(picture: usize, choice: usize) -> u64 {
    if choice == 0 { 0 } else { (picture * WORDINGS + choice) as u64 }
}
