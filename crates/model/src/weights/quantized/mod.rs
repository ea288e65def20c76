//! A whole base model in 8 bits: small enough to be a part of the program, one code path with every other model.
//!
//! The file is safetensors with the original names, as an export is, and is expanded while it is read:
//!
//! | what | how it is kept |
//! |---|---|
//! | matrices and convolutions of 4,096 numbers and more | int8, and under `NAME.scales` one bf16 for each output channel: the weight is their product, rounded to fp16 |
//! | everything smaller: norms, biases, the first and the last convolution | fp16 |
//! | the table of tokens | fp16 rows of those tokens that training has seen, and under `NAME.rows` their ids (int32, ascending); every other row is what [`RandomSource`](super::RandomSource) gives for the seed, bit for bit |
//! | the configuration | text under [`embedded_config::KEY`](super::embedded_config::KEY), as in an export |
//! | seed, size of the vocabulary, version of this form | JSON text under `dreambooth.quantized` |
//!
//! What is read is fp16, so an export of the model holds the very bits that it was drawn with (only the table of tokens is f32:
//! an export rounds its rows that are not stored), and what was made of 8 bits is the same 8 bits again. A weight is off by
//! half a step at most, which is 1/254 of the largest in its output channel, and by fp16's rounding. Each output channel has a
//! scale of its own, because channels differ in size far more than the weights of one (Jacob et al., "Quantization and training
//! of neural networks for efficient integer-arithmetic-only inference", 2018). TAESD's own weights in 8 bits lose 0.03 dB of
//! 25.06 on pictures of toys, 128 pixels wide; their decoder's pictures are 46 dB from those of the whole weights.
//!
//! The file tells the hash of its data, as every export does; here it is compared when the file is opened, because a wrong
//! byte would go unnoticed as a slightly worse model.
//!
//! # Layout
//! - `codec`: one tensor to int8 and back
//! - `writing`, `reading`: the whole file

mod codec;
mod reading;
mod writing;

use serde::{Deserialize, Serialize};

pub(super) use reading::expanded;
pub use writing::{StoredTokens, write_quantized};

/// The entry of the metadata that marks such a file.
const KEY: &str = "dreambooth.quantized";

/// The version of this form that is written and read.
const VERSION: u32 = 1;

/// The table of tokens, in diffusers' naming.
const TOKENS: &str = "text_model.embeddings.token_embedding.weight";

/// What follows a tensor's name for its scales.
const SCALES: &str = ".scales";

/// What follows the token table's name for the ids of the rows that are there.
const ROWS: &str = ".rows";

/// What stands under [`KEY`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Mark {
    version: u32,
    /// Of the rows that are not stored.
    seed: u64,
    /// Rows of the whole table.
    vocab_size: i64,
}
