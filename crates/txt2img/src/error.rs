//! Why a picture could not be drawn.

/// One sentence for the person who asked for the picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Txt2ImgError {
    /// The model could not be read or built.
    #[error(transparent)]
    Model(#[from] model::ModelError),
    /// libtorch refused an operation.
    #[error("tensor engine: {0}")]
    Tensor(#[from] engine::tch::TchError),
    /// A text encoder that does not know all of CLIP's tokens.
    #[error(
        "the model's text encoder knows {tokens} tokens at {positions} positions, but prompts need CLIP's 49408 at 77"
    )]
    TextEncoder {
        /// `vocab_size`.
        tokens: i64,
        /// `max_position_embeddings`.
        positions: i64,
    },
    /// The network's answer has no number in it.
    #[error(
        "the {network} gave only NaN or infinite values; train with a lower learning rate, or draw with --precision fp32"
    )]
    NotFinite {
        /// `UNet` or `VAE`.
        network: &'static str,
    },
    /// DPM adaptive tried too often.
    #[error("DPM adaptive found no end within {attempts} steps; use another sampler for this picture")]
    NoStep {
        /// Steps tried.
        attempts: usize,
    },
    /// Whoever asked for the picture does not want it any more.
    #[error("the drawing was stopped")]
    Stopped,
    /// The PNG could not be encoded.
    #[error("the picture could not be encoded as PNG: {0}")]
    Png(#[from] png::EncodingError),
}

/// Shorthand of this crate.
pub type Result<T> = std::result::Result<T, Txt2ImgError>;
