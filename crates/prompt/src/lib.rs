//! The prompt language of AUTOMATIC1111's web UI, as its version 1.10 reads it.
//!
//! A prompt is read in this order, and each step is a module:
//!
//! | step | what it reads | module |
//! |---|---|---|
//! | comments | `# not for the model` | [`comments`] |
//! | styles | named pieces of text around the prompt | [`styles`] |
//! | networks | `<lora:name:0.8>` | [`networks`] |
//! | composition | `a cat :1.2 AND a dog` | [`composition`] |
//! | schedule | `[cat:dog:0.5]`, `[cat\|dog]` | [`schedule`] |
//! | emphasis | `(cat:1.3)`, `[cat]`, `BREAK` | [`emphasis`] |
//! | chunks | 77 tokens and their weights at a time, with textual inversion | [`chunks`] |
//!
//! [`Prompt`] goes through the first four and is the same for both passes of a picture; [`Part::schedule`] says which
//! text holds at which call of the denoiser, and [`Language::chunks`] what the text encoder gets. A negative prompt has
//! neither networks nor parts. No step refuses a text: what is not understood is literal.

pub mod chunks;
pub mod comments;
pub mod composition;
pub mod emphasis;
mod language;
pub mod networks;
mod number;
mod prompt;
pub mod schedule;
pub mod styles;
mod words;

pub use composition::Part;
pub use language::Language;
pub use prompt::{Prompt, TEXT_BYTES_MAX, TooLong};

/// Deepest nesting of brackets that means anything. Nobody writes it (1.1 to the power of 100 is 13,781), and it bounds
/// the stack and the time that a hostile prompt takes.
pub const DEPTH_MAX: usize = 100;
