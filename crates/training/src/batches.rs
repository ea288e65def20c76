//! Which images a step trains on: every epoch is a new shuffle of all images, cut into batches of one shape.

use crate::latents::LatentCache;
use crate::noise::{Stream, Streams};

/// The images of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The images by their numbers: first the concepts' photos, then as many class images or none. All have latents of the
    /// first one's shape.
    pub images: Vec<usize>,
    /// How many of them are photos of a concept, at least one.
    pub instances: usize,
}

/// The order of a stage's images, a function of the seed.
///
/// The last batch of a shape in an epoch may be short; no image is left out. A step also has as many class images as it has
/// photos, in an order of their own in which all come up equally often.
#[derive(Debug, Clone)]
pub struct Batches {
    streams: Streams,
    batch_size: usize,
    frozen: bool,
    /// The photos' shapes; a batch is of one of them.
    groups: Vec<Group>,
    /// Which group each photo belongs to.
    group_of: Vec<usize>,
}

/// What is of one shape.
#[derive(Debug, Clone, Default)]
struct Group {
    photos: usize,
    /// The class images that have latents of this shape.
    class: Vec<usize>,
}

impl Batches {
    /// Batches of `batch_size` (at least 1) of `images` images (at least 1) of one shape, without class images.
    pub fn new(streams: Streams, images: usize, batch_size: usize) -> Self {
        let photos = images.max(1);
        Self {
            streams,
            batch_size: batch_size.max(1),
            frozen: false,
            groups: vec![Group { photos, class: Vec::new() }],
            group_of: vec![0; photos],
        }
    }

    /// Batches of `batch_size` of the images in `latents`, of which the first `instances` (at least 1) show a concept and
    /// the others its class.
    pub fn of(latents: &LatentCache, instances: usize, streams: Streams, batch_size: usize) -> Self {
        let mut shapes: Vec<Vec<i64>> = Vec::new();
        let mut batches = Self { groups: Vec::new(), group_of: Vec::new(), ..Self::new(streams, 1, batch_size) };
        for image in 0..instances.min(latents.len()) {
            let shape = latents.shapes(image).swap_remove(0);
            let group = shapes.iter().position(|other| *other == shape).unwrap_or_else(|| {
                shapes.push(shape);
                batches.groups.push(Group::default());
                shapes.len() - 1
            });
            batches.groups[group].photos += 1;
            batches.group_of.push(group);
        }
        for image in instances..latents.len() {
            for shape in latents.shapes(image) {
                if let Some(group) = shapes.iter().position(|other| *other == shape) {
                    batches.groups[group].class.push(image);
                }
            }
        }
        batches
    }

    /// With `frozen`, the same images form a batch in all epochs, and only the order of the batches is shuffled: in the
    /// original a side effect of how it cached. With batch size 1 that is another order of the same.
    #[must_use]
    pub fn frozen(self, frozen: bool) -> Self {
        Self { frozen, ..self }
    }

    /// Steps that see every photo once: for each shape its photos / batch size, rounded up.
    pub fn per_epoch(&self) -> u64 {
        self.groups.iter().map(|group| group.photos.div_ceil(self.batch_size) as u64).sum()
    }

    /// The images of `step` (from 0).
    pub fn batch(&self, step: u64) -> Batch {
        let (epoch, position) = (step / self.per_epoch(), (step % self.per_epoch()) as usize);
        let mut batches = self.epoch(epoch);
        let mut images = std::mem::take(&mut batches[position]);
        let (instances, group) = (images.len(), self.group_of[images[0]]);
        let earlier = batches[..position].iter().filter(|batch| self.group_of[batch[0]] == group);
        let seen = epoch * self.groups[group].photos as u64 + earlier.map(|batch| batch.len() as u64).sum::<u64>();
        images.extend(self.class_images(group, seen, instances));
        Batch { images, instances }
    }

    /// The batches of `epoch`, without class images. Where all photos have one shape and batches are not frozen, the shuffled
    /// photos are cut into batches one after the other.
    fn epoch(&self, epoch: u64) -> Vec<Vec<usize>> {
        let photos = self.group_of.len();
        let shuffled = self.shuffled(Stream::Order, if self.frozen { 0 } else { epoch }, 0, (0..photos).collect());
        let mut batches = self.composed(shuffled);
        if self.frozen || self.groups.len() > 1 {
            batches = self.shuffled(Stream::Order, epoch, photos, batches);
        }
        batches
    }

    /// The photos in their order, cut into batches of one shape: a batch stands where its last photo stood, the short ones
    /// at the end.
    fn composed(&self, photos: Vec<usize>) -> Vec<Vec<usize>> {
        let mut batches = Vec::new();
        let mut open: Vec<Vec<usize>> = vec![Vec::new(); self.groups.len()];
        for photo in photos {
            let batch = &mut open[self.group_of[photo]];
            batch.push(photo);
            if batch.len() == self.batch_size {
                batches.push(std::mem::take(batch));
            }
        }
        batches.extend(open.into_iter().filter(|batch| !batch.is_empty()));
        batches
    }

    /// `count` class images for photos of a group, of which it has already had `seen`.
    fn class_images(&self, group: usize, seen: u64, count: usize) -> Vec<usize> {
        let class = &self.groups[group].class;
        if class.is_empty() {
            return Vec::new();
        }
        let (length, first) = (class.len() as u64, seen / class.len() as u64);
        // Groups count at addresses of their own; no group has 2^16 class images.
        let pass = |pass| self.shuffled(Stream::ClassOrder, pass, group << 16, class.clone());
        let passes = first..=(seen + count as u64) / length;
        passes.flat_map(pass).skip((seen - first * length) as usize).take(count).collect()
    }

    /// The items in another order, that of a stream's step from the address `base` on: Fisher and Yates' shuffle.
    fn shuffled<T>(&self, stream: Stream, step: u64, base: usize, mut items: Vec<T>) -> Vec<T> {
        for last in (1..items.len()).rev() {
            items.swap(last, self.streams.below(stream, step, base + last, last + 1));
        }
        items
    }
}
