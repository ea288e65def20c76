//! Attribute accuracy: does what was drawn have the colour, the hair, the place that the caption asked for?

use engine::tch::Tensor;
use serde::Serialize;
use toyworld::Attribute;

use super::{Drawn, classifier::Classifier};

/// Of one attribute.
#[derive(Debug, Clone, Serialize)]
pub struct AttributeAccuracy {
    /// Its name.
    pub attribute: &'static str,
    /// Pictures that have it.
    pub asked: usize,
    /// Those that have it as asked for, as the classifier sees it.
    pub right: usize,
    /// The classifier's own share of right answers on renderings: more cannot be expected.
    pub ceiling: f64,
}

pub(super) fn measure(classifier: &Classifier, drawn: &[Drawn]) -> Vec<AttributeAccuracy> {
    if drawn.is_empty() {
        return Vec::new();
    }
    let latents = Tensor::stack(&drawn.iter().map(|drawn| drawn.latents.shallow_clone()).collect::<Vec<_>>(), 0);
    let answers = classifier.answers(&latents);
    let of = |attribute: &Attribute| {
        let hits = drawn.iter().zip(&answers).filter_map(|(drawn, answer)| {
            let truth = drawn.description.attributes().into_iter().find(|(name, _)| name == attribute)?.1;
            Some(answer.get(attribute) == Some(&truth))
        });
        let (asked, right) = hits.fold((0, 0), |(asked, right), hit| (asked + 1, right + usize::from(hit)));
        let ceiling = classifier.ceiling.get(attribute.as_str()).copied().unwrap_or(0.0);
        AttributeAccuracy { attribute: attribute.as_str(), asked, right, ceiling }
    };
    Attribute::ALL.iter().map(of).collect()
}
