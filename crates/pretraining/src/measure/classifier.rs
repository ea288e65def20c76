//! Reads attributes off latents: a small convolutional network that learns from renderings, whose truth is known.

use std::collections::BTreeMap;

use engine::tch::Tensor;
use engine::tch::nn::{self, Module, ModuleT, OptimizerConfig};
use toyworld::{Attribute, Description, World};

use super::Encoder;
use crate::error::Result;
use crate::pictures::render;

/// Passes over the renderings.
const EPOCHS: u64 = 8;
const BATCH: i64 = 64;
const LEARNING_RATE: f64 = 1e-3;
/// Channels of the first convolution.
const CHANNELS: i64 = 64;
/// Where its renderings are taken from.
const FIRST: u64 = 1 << 43;
/// This share of the renderings shows what is held out from the model: the judge must know everything.
const HELD_OUT_SHARE: u64 = 4;
/// Renderings that are kept to judge the judge.
const JUDGED: usize = 256;
/// Fewer than these leave nothing to learn from.
pub const RENDERINGS_MIN: u64 = 1024;
/// Cross entropy leaves these out: a cup has no hair.
const NONE: i64 = -100;
/// Renderings that are encoded at a time.
const TOGETHER: usize = 256;

/// Answers, one for each attribute.
#[derive(Debug)]
pub struct Classifier {
    body: nn::Sequential,
    heads: Vec<(Attribute, Vec<&'static str>, nn::Linear)>,
    /// The share of right answers on renderings that it did not learn from.
    pub ceiling: BTreeMap<&'static str, f64>,
}

impl Classifier {
    /// Learns from so many renderings of `world`.
    ///
    /// # Errors
    /// When memory is short.
    pub(super) fn learn(world: &World, encoder: &Encoder, renderings: u64, say: &mut dyn FnMut(&str)) -> Result<Self> {
        let describe = |index: u64| match index % HELD_OUT_SHARE {
            0 => world.held_out(FIRST + index),
            _ => world.description(FIRST + index),
        };
        let scenes: Vec<(Description, u64)> = (0..renderings).map(|index| (describe(index), FIRST + index)).collect();
        let latents: Vec<Tensor> = scenes
            .chunks(TOGETHER)
            .map(|part| {
                say(&format!("{TOGETHER} more renderings of {renderings}"));
                encoder.encode(&render(part))
            })
            .collect();
        let latents = Tensor::cat(&latents, 0);
        let truths: Vec<BTreeMap<Attribute, &'static str>> =
            scenes.iter().map(|(description, _)| description.attributes().into_iter().collect()).collect();
        let variables = nn::VarStore::new(latents.device());
        let root = variables.root();
        let heads = heads(&root, &truths);
        let mut classifier = Self { body: body(&root), heads, ceiling: BTreeMap::new() };
        let learnt = truths.len().saturating_sub(JUDGED);
        classifier.train(&variables, &latents.narrow(0, 0, learnt as i64), &truths[..learnt])?;
        let judged = latents.narrow(0, learnt as i64, (truths.len() - learnt) as i64);
        classifier.ceiling = classifier.judge(&judged, &truths[learnt..]);
        Ok(classifier)
    }

    fn train(
        &self,
        variables: &nn::VarStore,
        latents: &Tensor,
        truths: &[BTreeMap<Attribute, &'static str>],
    ) -> Result<()> {
        let targets: Vec<Tensor> = self
            .heads
            .iter()
            .map(|(attribute, values, _)| {
                let class = |truth: &BTreeMap<Attribute, &'static str>| {
                    let value = truth.get(attribute)?;
                    values.iter().position(|known| known == value).map(|place| place as i64)
                };
                Tensor::from_slice(&truths.iter().map(|truth| class(truth).unwrap_or(NONE)).collect::<Vec<_>>())
            })
            .collect();
        let mut optimizer = nn::AdamW::default().build(variables, LEARNING_RATE)?;
        let steps_per_epoch = latents.size()[0] / BATCH;
        for epoch in 0..EPOCHS {
            optimizer.set_lr(LEARNING_RATE * (1.0 - epoch as f64 / EPOCHS as f64));
            for step in 0..steps_per_epoch {
                let part = |tensor: &Tensor| tensor.narrow(0, step * BATCH, BATCH);
                let shown = part(latents);
                // The world mirrored is a world as good.
                let shown = if (epoch + step as u64) % 2 == 1 { shown.flip([3]) } else { shown };
                let features = self.body.forward_t(&shown, true);
                let losses = self.heads.iter().zip(&targets).map(|((_, _, head), targets)| {
                    head.forward(&features).cross_entropy_loss::<Tensor>(
                        &part(targets),
                        None,
                        engine::tch::Reduction::Mean,
                        NONE,
                        0.0,
                    )
                });
                let loss = losses
                    .map(|loss| loss.nan_to_num(0.0, None, None))
                    .fold(Tensor::from(0f32), |sum, loss| sum + loss);
                optimizer.backward_step(&loss);
            }
        }
        Ok(())
    }

    /// The answers for `[n, 4, 16, 16]` latents.
    pub(super) fn answers(&self, latents: &Tensor) -> Vec<BTreeMap<Attribute, &'static str>> {
        let features = engine::no_grad(|| self.body.forward_t(latents, false));
        let mut answers = vec![BTreeMap::new(); latents.size()[0] as usize];
        for (attribute, values, head) in &self.heads {
            let chosen = engine::no_grad(|| head.forward(&features)).argmax(1, false);
            for (index, answer) in answers.iter_mut().enumerate() {
                answer.insert(*attribute, values[chosen.int64_value(&[index as i64]) as usize]);
            }
        }
        answers
    }

    fn judge(&self, latents: &Tensor, truths: &[BTreeMap<Attribute, &'static str>]) -> BTreeMap<&'static str, f64> {
        let answers = self.answers(latents);
        let share = |attribute: Attribute| {
            let pairs = truths
                .iter()
                .zip(&answers)
                .filter_map(|(truth, answer)| truth.get(&attribute).map(|value| answer.get(&attribute) == Some(value)));
            let (right, all) = pairs.fold((0u32, 0u32), |(right, all), hit| (right + u32::from(hit), all + 1));
            (attribute.as_str(), f64::from(right) / f64::from(all.max(1)))
        };
        self.heads.iter().map(|(attribute, _, _)| share(*attribute)).collect()
    }
}

fn body(root: &nn::Path<'_>) -> nn::Sequential {
    let conv = |name: &str, from: i64, to: i64, stride: i64| {
        nn::conv2d(root / name, from, to, 3, nn::ConvConfig { stride, padding: 1, ..Default::default() })
    };
    nn::seq()
        .add(conv("0", 4, CHANNELS, 1))
        .add_fn(Tensor::relu)
        .add(conv("1", CHANNELS, 2 * CHANNELS, 2))
        .add_fn(Tensor::relu)
        .add(conv("2", 2 * CHANNELS, 2 * CHANNELS, 1))
        .add_fn(Tensor::relu)
        .add(conv("3", 2 * CHANNELS, 2 * CHANNELS, 2))
        .add_fn(Tensor::relu)
        .add_fn(|x| x.flatten(1, -1))
        .add(nn::linear(root / "4", 2 * CHANNELS * 16, 4 * CHANNELS, Default::default()))
        .add_fn(Tensor::relu)
}

type Head = (Attribute, Vec<&'static str>, nn::Linear);

/// One for each attribute, with the values that were seen.
fn heads(root: &nn::Path<'_>, truths: &[BTreeMap<Attribute, &'static str>]) -> Vec<Head> {
    let head = |attribute: &Attribute| {
        let mut values: Vec<&'static str> = truths.iter().filter_map(|truth| truth.get(attribute).copied()).collect();
        values.sort_unstable();
        values.dedup();
        let path = root / format!("head {attribute}");
        let linear = nn::linear(path, 4 * CHANNELS, values.len().max(1) as i64, Default::default());
        (*attribute, values, linear)
    };
    Attribute::ALL.iter().map(head).collect()
}
