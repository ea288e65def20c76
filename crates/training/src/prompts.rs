//! Captions as token ids and as embeddings: equal captions share a row.

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::tokenizer::SEQUENCE_LENGTH;
use model::{TextEncoder, Tokenizer};
use protocol::CaptionPadding;

/// Tokens of a caption that the text encoder reads: all positions but the first and the last, which mark beginning and end.
pub const CAPTION_TOKENS_MAX: usize = SEQUENCE_LENGTH - 2;

/// How many tokens `caption` has, without those that mark its beginning and end.
pub fn caption_tokens(caption: &str) -> usize {
    Tokenizer::clip().encode(caption).len()
}

/// How many positions each image's caption takes in a batch, and which row it is.
#[derive(Debug, Clone)]
struct Rows {
    of_image: Vec<i64>,
    /// Of each image: its tokens with [`model::tokenizer::BOS`] and one [`model::tokenizer::EOS`].
    lengths: Vec<i64>,
    padding: CaptionPadding,
}

impl Rows {
    /// The rows of the images of a batch.
    fn of(&self, batch: &[usize]) -> Tensor {
        Tensor::from_slice(&batch.iter().map(|&image| self.of_image[image]).collect::<Vec<_>>())
    }

    /// How many positions a batch has.
    fn positions(&self, batch: &[usize]) -> i64 {
        match self.padding {
            CaptionPadding::MaxLength => SEQUENCE_LENGTH as i64,
            CaptionPadding::Longest => batch.iter().map(|&image| self.lengths[image]).max().unwrap_or(0),
        }
    }
}

/// The distinct captions as token ids. With `max_length` a batch is padded to the 77 positions that drawing uses too; with
/// `longest` only to the longest caption of the batch, as in the original, whose UNet so learned with a context it never
/// meets again (spec section 6, quirk 3).
#[derive(Debug)]
pub struct Prompts {
    /// `[distinct, 77]` i64, padded with [`model::tokenizer::EOS`].
    ids: Tensor,
    rows: Rows,
}

impl Prompts {
    /// Tokenizes the captions of images, in the images' order.
    pub fn new<'a>(
        captions: impl IntoIterator<Item = &'a str>,
        tokenizer: &Tokenizer,
        padding: CaptionPadding,
    ) -> Self {
        let mut distinct: Vec<&str> = Vec::new();
        let row = |caption: &'a str| {
            let known = distinct.iter().position(|other| *other == caption);
            known.unwrap_or_else(|| {
                distinct.push(caption);
                distinct.len() - 1
            }) as i64
        };
        let of_image: Vec<i64> = captions.into_iter().map(row).collect();
        let length = |caption: &&str| (tokenizer.encode(caption).len() + 2).min(SEQUENCE_LENGTH) as i64;
        let lengths: Vec<i64> = distinct.iter().map(length).collect();
        let ids: Vec<Tensor> =
            distinct.iter().map(|caption| Tensor::from_slice(&tokenizer.encode_padded(caption))).collect();
        let lengths = of_image.iter().map(|&row| lengths[row as usize]).collect();
        Self { ids: Tensor::stack(&ids, 0), rows: Rows { of_image, lengths, padding } }
    }

    /// Token ids of the images of a batch, `[b, n]` i64.
    pub fn ids(&self, batch: &[usize], device: Device) -> Tensor {
        let ids = self.ids.index_select(0, &self.rows.of(batch));
        ids.narrow(1, 0, self.rows.positions(batch)).to_device(device)
    }

    /// What `encoder` makes of every distinct caption: a frozen text encoder needs to run only once, and can then be
    /// dropped.
    pub fn encode(&self, encoder: &TextEncoder, device: Device) -> Embeddings {
        let all: Vec<usize> = (0..self.rows.of_image.len()).collect();
        let positions = self.rows.positions(&all);
        let encode = |row| {
            let ids = self.ids.narrow(0, row, 1).narrow(1, 0, positions).to_device(device);
            encoder.forward(&ids, Kind::Float)
        };
        let embeddings: Vec<Tensor> = no_grad(|| (0..self.ids.size()[0]).map(encode).collect());
        Embeddings { embeddings: Tensor::cat(&embeddings, 0), rows: self.rows.clone() }
    }
}

/// The text encoder's output for every distinct caption, on the device.
#[derive(Debug)]
pub struct Embeddings {
    /// `[distinct, n, hidden]` f32.
    embeddings: Tensor,
    rows: Rows,
}

impl Embeddings {
    /// The UNet's context for the images of a batch, `[b, n, hidden]`: with `longest` padding, `n` is the length of the
    /// batch's longest caption. CLIP's text encoder is causal, so what it makes of the first `n` positions does not depend on
    /// how many follow.
    pub fn context(&self, batch: &[usize]) -> Tensor {
        let rows = self.rows.of(batch).to_device(self.embeddings.device());
        self.embeddings.index_select(0, &rows).narrow(1, 0, self.rows.positions(batch))
    }
}
