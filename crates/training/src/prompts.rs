//! The captions of a data set as token ids: equal captions share a row.

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::{TextEncoder, Tokenizer};

use crate::dataset::Photo;

/// The distinct captions as token ids, padded to the 77 positions that drawing uses too.
///
/// (The original padded only to the longest caption of a batch, so the UNet learned with a context it never meets again:
/// spec section 6, quirk 3.)
#[derive(Debug)]
pub struct Prompts {
    ids: Tensor,
    row_of_image: Vec<i64>,
}

impl Prompts {
    /// Tokenizes the captions of `photos`.
    pub fn new(photos: &[Photo], tokenizer: &Tokenizer) -> Self {
        let mut distinct: Vec<&str> = Vec::new();
        let row_of_image = photos.iter().map(|photo| {
            let known = distinct.iter().position(|caption| *caption == photo.caption);
            known.unwrap_or_else(|| {
                distinct.push(&photo.caption);
                distinct.len() - 1
            }) as i64
        });
        let row_of_image = row_of_image.collect();
        let rows: Vec<Tensor> =
            distinct.iter().map(|caption| Tensor::from_slice(&tokenizer.encode_padded(caption))).collect();
        Self { ids: Tensor::stack(&rows, 0), row_of_image }
    }

    /// Token ids of the images of a batch, `[b, 77]` i64.
    pub fn ids(&self, batch: &[usize], device: Device) -> Tensor {
        self.ids.index_select(0, &self.rows(batch)).to_device(device)
    }

    /// What `encoder` makes of every distinct caption, `[distinct, 77, hidden]` f32: a frozen text encoder needs to run
    /// only once, and can then be dropped.
    pub fn encode(&self, encoder: &TextEncoder, device: Device) -> Embeddings {
        let encode = |row| {
            let ids = self.ids.narrow(0, row, 1).to_device(device);
            encoder.forward(&ids, Kind::Float)
        };
        let rows: Vec<Tensor> = no_grad(|| (0..self.ids.size()[0]).map(encode).collect());
        Embeddings { rows: Tensor::cat(&rows, 0), row_of_image: self.row_of_image.clone() }
    }

    fn rows(&self, batch: &[usize]) -> Tensor {
        rows(&self.row_of_image, batch)
    }
}

/// The text encoder's output for every distinct caption.
#[derive(Debug)]
pub struct Embeddings {
    rows: Tensor,
    row_of_image: Vec<i64>,
}

impl Embeddings {
    /// The UNet's context for the images of a batch, `[b, 77, hidden]`.
    pub fn context(&self, batch: &[usize]) -> Tensor {
        self.rows.index_select(0, &rows(&self.row_of_image, batch).to_device(self.rows.device()))
    }
}

fn rows(row_of_image: &[i64], batch: &[usize]) -> Tensor {
    Tensor::from_slice(&batch.iter().map(|&image| row_of_image[image]).collect::<Vec<_>>())
}
