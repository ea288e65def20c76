//! Which images a step trains on: every epoch is a new shuffle of all images, cut into batches.

use crate::noise::{Stream, Streams};

/// The images of one step, by their index in the data set. Never empty.
pub type Batch = Vec<usize>;

/// The order of a stage's images, a function of the seed.
///
/// The last batch of an epoch may be short; no image is left out. (The original froze the composition of its batches
/// for the whole stage and shuffled only their order, a side effect of how it cached; with batch size 1 that is the same.)
#[derive(Debug, Clone)]
pub struct Batches {
    streams: Streams,
    images: usize,
    batch_size: usize,
}

impl Batches {
    /// Batches of `batch_size` (at least 1) of `images` images (at least 1).
    pub fn new(streams: Streams, images: usize, batch_size: usize) -> Self {
        Self { streams, images: images.max(1), batch_size: batch_size.max(1) }
    }

    /// Steps that see every image once: images / batch size, rounded up.
    pub fn per_epoch(&self) -> u64 {
        self.images.div_ceil(self.batch_size) as u64
    }

    /// The images of `step` (from 0).
    pub fn batch(&self, step: u64) -> Batch {
        let order = self.shuffled(step / self.per_epoch());
        let first = (step % self.per_epoch()) as usize * self.batch_size;
        order[first..(first + self.batch_size).min(self.images)].to_vec()
    }

    /// All images in the order of `epoch`: Fisher and Yates' shuffle.
    fn shuffled(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.images).collect();
        for last in (1..self.images).rev() {
            order.swap(last, self.streams.below(Stream::Order, epoch, last, last + 1));
        }
        order
    }
}
