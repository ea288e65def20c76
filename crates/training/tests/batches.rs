//! Which images a step trains on: all equally often, in batches of one shape, with as many of the class beside them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;

use engine::tch::{Device, Kind, Tensor};
use training::batches::Batches;
use training::latents::{Distribution, LatentCache};
use training::noise::Streams;

/// Latents of which only the height matters; each image has those of `shapes`.
fn cache(images: &[&[i64]]) -> LatentCache {
    let latent = |&height: &i64| Distribution {
        mean: Tensor::zeros([1, height, 1], (Kind::Float, Device::Cpu)),
        std: Tensor::zeros([1, height, 1], (Kind::Float, Device::Cpu)),
    };
    LatentCache::new(images.iter().map(|shapes| shapes.iter().map(latent).collect()).collect())
}

fn epoch(batches: &Batches, epoch: u64) -> Vec<Vec<usize>> {
    let steps = epoch * batches.per_epoch()..(epoch + 1) * batches.per_epoch();
    steps.map(|step| batches.batch(step).images).collect()
}

#[test]
fn with_one_shape_the_order_is_that_of_a_plain_shuffle() {
    for (images, batch_size) in [(5, 2), (6, 4), (3, 8), (1, 1), (40, 3)] {
        let plain = Batches::new(Streams::new(555), images, batch_size);
        let of_latents = Batches::of(&cache(&vec![&[2][..]; images]), images, Streams::new(555), batch_size);
        assert!((0..60).all(|step| plain.batch(step) == of_latents.batch(step)));
    }
}

#[test]
fn an_epoch_sees_every_photo_once_in_batches_of_one_shape() {
    let shapes: Vec<&[i64]> = [2, 3, 2, 2, 3, 4, 2, 3, 2, 2, 2].iter().map(std::slice::from_ref).collect();
    let batches = Batches::of(&cache(&shapes), 11, Streams::new(7), 2);
    assert_eq!(batches.per_epoch(), 4 + 2 + 1);
    let mut first = HashSet::new();
    for number in 0..40 {
        let batched = epoch(&batches, number);
        for batch in &batched {
            assert!(batch.iter().all(|&photo| shapes[photo] == shapes[batch[0]]), "{batch:?}");
        }
        let mut seen = batched.concat();
        seen.sort_unstable();
        assert_eq!(seen, (0..11).collect::<Vec<_>>());
        first.insert(shapes[batched[0][0]]);
    }
    assert_eq!(first.len(), 3, "no shape always comes first");
}

#[test]
fn frozen_batches_have_the_same_images_in_every_epoch_in_another_order() {
    let batches = Batches::new(Streams::new(555), 7, 2).frozen(true);
    let composition = |number| epoch(&batches, number).into_iter().collect::<HashSet<_>>();
    assert!((1..20).all(|number| composition(number) == composition(0)));
    let orders: HashSet<Vec<Vec<usize>>> = (0..20).map(|number| epoch(&batches, number)).collect();
    assert!(orders.len() > 10, "only {} orders", orders.len());
    let free = Batches::new(Streams::new(555), 7, 2);
    assert_ne!(epoch(&free, 1).into_iter().collect::<HashSet<_>>(), composition(0));
}

#[test]
fn class_images_come_up_equally_often_in_an_order_of_their_own() {
    let images: Vec<&[i64]> = vec![&[2]; 3 + 4];
    let batches = Batches::of(&cache(&images), 3, Streams::new(555), 2);
    let mut seen = [0; 7];
    let mut drawn = Vec::new();
    // Three photos are two steps of two and one images; four epochs are twelve photos, so three passes over the class.
    for step in 0..8 {
        let batch = batches.batch(step);
        assert_eq!(batch.images.len(), 2 * batch.instances);
        assert!(batch.images[..batch.instances].iter().all(|&image| image < 3));
        drawn.extend_from_slice(&batch.images[batch.instances..]);
        batch.images.iter().for_each(|&image| seen[image] += 1);
    }
    assert_eq!(seen, [4, 4, 4, 3, 3, 3, 3]);
    assert_ne!(drawn[..4], drawn[4..8], "each pass has another order");
    let without = Batches::of(&cache(&images[..3]), 3, Streams::new(555), 2);
    assert!(
        (0..8)
            .all(|step| without.batch(step).images[..] == batches.batch(step).images[..batches.batch(step).instances])
    );
}

#[test]
fn a_photo_of_a_shape_without_class_images_is_trained_alone() {
    let batches = Batches::of(&cache(&[&[2], &[3], &[2]]), 2, Streams::new(1), 1);
    for step in 0..6 {
        let images = batches.batch(step).images;
        assert_eq!(images, if images[0] == 0 { vec![0, 2] } else { vec![1] });
    }
}

#[test]
fn a_class_smaller_than_a_batch_is_seen_again_within_it() {
    let images: Vec<&[i64]> = vec![&[2]; 5 + 1];
    let batches = Batches::of(&cache(&images), 5, Streams::new(1), 5);
    assert_eq!(batches.batch(3).images[5..], [5; 5]);
}
