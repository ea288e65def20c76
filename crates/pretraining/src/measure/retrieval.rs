//! Retrieval: of ten renderings in one place and framing, is the one that the caption is of the nearest to what was drawn?

use engine::tch::{Kind, Tensor};
use serde::Serialize;
use toyworld::{Description, World};

use super::{Drawn, Encoder};
use crate::pictures::render;

/// Renderings that a drawn picture is compared with, its own among them.
const CANDIDATES: usize = 10;
/// Each is rendered so often, in other poses: what is compared is what it is, not how it stands.
const POSES: u64 = 4;
/// Where the others are looked for.
const OTHERS: u64 = 1 << 42;

/// How often the nearest was the right one.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Retrieval {
    /// Captions that were drawn.
    pub captions: usize,
    /// Among them those whose own rendering was the nearest of ten. By chance a tenth of them.
    pub right: usize,
}

pub(super) fn measure(world: &World, encoder: &Encoder, drawn: &[Drawn]) -> Retrieval {
    let right = drawn.iter().filter(|drawn| {
        let mut candidates = vec![drawn.description.clone()];
        candidates.extend(others(world, &drawn.description));
        let distances: Vec<f64> = candidates.iter().map(|candidate| distance(encoder, drawn, candidate)).collect();
        distances.iter().skip(1).all(|other| distances[0] < *other)
    });
    Retrieval { captions: drawn.len(), right: right.count() }
}

/// Nine descriptions of one figure that is something else, or looks otherwise, in the same place.
fn others(world: &World, description: &Description) -> Vec<Description> {
    let mut others: Vec<Description> = Vec::new();
    let mut index = OTHERS;
    while others.len() + 1 < CANDIDATES {
        let other = world.description(index);
        index += 1;
        let alike = other.subjects.len() == description.subjects.len() && other.framing == description.framing;
        let other = Description { place: description.place, ..other };
        if alike && other.caption(0) != description.caption(0) && !others.contains(&other) {
            others.push(other);
        }
    }
    others
}

/// The mean squared distance of the drawn latents from a description's renderings.
fn distance(encoder: &Encoder, drawn: &Drawn, candidate: &Description) -> f64 {
    let scenes: Vec<_> = (0..POSES).map(|pose| (candidate.clone(), drawn.pose + pose)).collect();
    let latents: Tensor = encoder.encode(&render(&scenes));
    // Of the mean rendering: where poses differ it is vague, and weighs less.
    let mean = latents.mean_dim(0, false, Kind::Float);
    (mean - &drawn.latents).square().mean(Kind::Float).double_value(&[])
}
