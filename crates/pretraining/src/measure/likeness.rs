//! Likeness: is the doll that was drawn the one that was meant, or another in the same dress and place?

use engine::tch::{Kind, Tensor};
use serde::Serialize;
use toyworld::{Colour, Description, Framing, Person, PersonKind, Place, Subject, World, daiton};

use super::Encoder;
use crate::pictures::render;

/// Dolls that a drawn one is compared with, she among them.
const DOLLS: usize = 10;
/// Each is rendered so often, in other poses: what is compared is who she is, not how she stands.
const POSES: u64 = 4;
/// Where the other dolls are looked for: none of training has such a number.
const OTHERS: u64 = 1 << 44;
/// The poses of the renderings.
const FIRST_POSE: u64 = 1 << 45;

/// Of pictures of one doll.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Likeness {
    /// Pictures that were compared.
    pub pictures: usize,
    /// The mean similarity to renderings of her, between -1 and 1. 0: as like her as anybody else.
    pub to_her: f64,
    /// The mean similarity to each of the nine others.
    pub to_others: f64,
    /// Pictures that are more like her than like any of the nine others. By chance a tenth of them.
    pub she: usize,
}

/// Ten dolls in one dress and place, she first: what they have in common, and what tells each from it.
#[derive(Debug)]
pub(super) struct Dolls {
    /// `[4, 16, 16]`.
    common: Tensor,
    /// `[4, 16, 16]` each.
    own: Vec<Tensor>,
}

impl Dolls {
    /// In a dress and place.
    pub(super) fn new(world: &World, encoder: &Encoder, dress: Colour, place: Place, framing: Framing) -> Self {
        let mean = |doll: &Description| {
            let scenes: Vec<_> = (0..POSES).map(|pose| (doll.clone(), FIRST_POSE + pose)).collect();
            encoder.encode(&render(&scenes)).mean_dim(0, false, Kind::Float)
        };
        let dolls =
            std::iter::once(daiton::description(dress, place, framing)).chain(others(world, dress, place, framing));
        let means: Vec<Tensor> = dolls.map(|doll| mean(&doll)).collect();
        let common = Tensor::stack(&means, 0).mean_dim(0, false, Kind::Float);
        let own = means.iter().map(|mean| mean - &common).collect();
        Self { common, own }
    }

    /// How like each of the dolls a picture is, she first: the cosine between what tells it from all dolls and what tells the
    /// doll. Dress and place, which all have, do not count.
    fn similarities(&self, latents: &Tensor) -> Vec<f64> {
        let drawn = latents - &self.common;
        let cosine = |own: &Tensor| {
            let product = (own * &drawn).sum(Kind::Double) / (own.norm() * drawn.norm());
            product.double_value(&[])
        };
        self.own.iter().map(cosine).collect()
    }
}

/// Women who are not she: other hair, other glasses or none, another scarf or none.
fn others(world: &World, dress: Colour, place: Place, framing: Framing) -> Vec<Description> {
    let woman = |index: u64| match world.description(OTHERS + index).subjects.as_slice() {
        [Subject::Person(woman)] if woman.kind == PersonKind::Woman => {
            let woman = Person { clothes: dress, ..woman.clone() };
            Some(Description { subjects: vec![Subject::Person(woman)], place, framing })
        }
        _ => None,
    };
    (0..).filter_map(woman).take(DOLLS - 1).collect()
}

/// Of pictures, each with the dolls that it is compared with; `latents`: `[4, 16, 16]`.
pub(super) fn measure<'a>(pictures: impl Iterator<Item = (&'a Dolls, Tensor)>) -> Likeness {
    let mut sum = Likeness { pictures: 0, to_her: 0.0, to_others: 0.0, she: 0 };
    for (dolls, latents) in pictures {
        let similarities = dolls.similarities(&latents);
        let (her, others) = (similarities[0], &similarities[1..]);
        sum.pictures += 1;
        sum.to_her += her;
        sum.to_others += others.iter().sum::<f64>() / others.len() as f64;
        sum.she += usize::from(others.iter().all(|other| *other < her));
    }
    let pictures = sum.pictures.max(1) as f64;
    Likeness { to_her: sum.to_her / pictures, to_others: sum.to_others / pictures, ..sum }
}
