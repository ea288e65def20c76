//! bf16 weights with f32 norms compute what f32 computes, to within what bf16 rounds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Device, Kind, Tensor};
use model::layers::{GroupNorm, LayerNorm};
use model::{Dtypes, LoadOptions, Loader, Part, WeightSource};
use support::{Batch, assert_close, tiny_text_encoder_with, tiny_unet_with, train};

/// How far the loss may be from that of f32.
const LOSS_TOLERANCE: f64 = 0.02;
/// The prediction, by its length. That of diffusers under autocast is 2.05 % away.
const PREDICTION_TOLERANCE: f64 = 0.022;
/// All gradients as one vector, by its length: every bf16 number is rounded by up to 0.4 %, and these have some hundred
/// roundings behind them. Those of diffusers under autocast are 6.1 % away, and 9.4 % with its norms in bf16, too.
const GRADIENT_TOLERANCE: f64 = 0.061;

fn mixed() -> LoadOptions {
    LoadOptions { dtypes: Dtypes::mixed_bf16(), ..LoadOptions::all(Kind::BFloat16) }
}

/// Prediction, loss, and all gradients of both networks as one vector.
fn step(options: &LoadOptions, compute: Kind) -> (Tensor, Tensor, Tensor) {
    let (text, unet) = (tiny_text_encoder_with(options), tiny_unet_with(options));
    train(text.parameters());
    train(unet.parameters());
    let (prediction, loss) = Batch::golden().predict(&text, &unet, compute);
    loss.backward();
    let parameters = text.parameters().iter().chain(unet.parameters());
    let gradients: Vec<Tensor> =
        parameters.map(|(_, tensor)| tensor.grad().flatten(0, -1).to_kind(Kind::Double)).collect();
    (prediction, loss, Tensor::cat(&gradients, 0))
}

/// The length of the difference in lengths of the reference.
fn distance(found: &Tensor, reference: &Tensor) -> f64 {
    let (found, reference) = (found.detach().to_kind(Kind::Double), reference.detach().to_kind(Kind::Double));
    ((found - &reference).norm() / reference.norm()).double_value(&[])
}

#[test]
fn predictions_and_gradients_come_within_what_bfloat16_rounds() {
    let (prediction, loss, gradients) = step(&LoadOptions::all(Kind::Float), Kind::Float);
    for options in [mixed(), LoadOptions::all(Kind::Float)] {
        let found = step(&options, Kind::BFloat16);
        for (what, found, reference, tolerance) in [
            ("prediction", &found.0, &prediction, PREDICTION_TOLERANCE),
            ("loss", &found.1, &loss, LOSS_TOLERANCE),
            ("gradients", &found.2, &gradients, GRADIENT_TOLERANCE),
        ] {
            let distance = distance(found, reference);
            assert!(distance < tolerance, "{what} of {options:?}: {distance}");
        }
    }
}

#[test]
fn weights_are_bfloat16_and_norms_and_embeddings_float() {
    let (text, unet) = (tiny_text_encoder_with(&mixed()), tiny_unet_with(&mixed()));
    for (name, tensor) in text.parameters().iter().chain(unet.parameters()) {
        let is_fine = name.contains("norm") || name.contains("_embedding.weight");
        let expected = if is_fine { Kind::Float } else { Kind::BFloat16 };
        assert_eq!(tensor.kind(), expected, "{name}");
    }
}

#[test]
fn every_gradient_has_the_dtype_of_its_weight() {
    let unet = tiny_unet_with(&mixed());
    let text = tiny_text_encoder_with(&mixed());
    train(text.parameters());
    train(unet.parameters());
    Batch::golden().predict(&text, &unet, Kind::BFloat16).1.backward();
    for (name, tensor) in text.parameters().iter().chain(unet.parameters()) {
        assert_eq!(tensor.grad().kind(), tensor.kind(), "{name}");
    }
}

/// Scales and shifts that bf16 cannot hold.
struct Uneven;

impl WeightSource for Uneven {
    fn tensor(&self, _part: Part, name: &str, shape: &[i64]) -> model::error::Result<Tensor> {
        let numbers = Tensor::arange(shape[0], (Kind::Float, Device::Cpu)) * 0.037;
        Ok(if name.ends_with("weight") { numbers.cos() + 1.0 } else { numbers.sin() })
    }
}

#[test]
fn norms_of_bfloat16_round_once_at_the_end() {
    let root = Loader::with_options(&Uneven, Part::Unet, Device::Cpu, &mixed());
    let group = GroupNorm::load(&root.at("group"), 64, 8, 1e-5).unwrap();
    let layer = LayerNorm::load(&root.at("layer"), 64, 1e-5).unwrap();
    let parameters = root.into_tensors().parameters;
    train(&parameters);
    let numbers = (Tensor::arange(2 * 64 * 64, (Kind::Float, Device::Cpu)) * 0.71).sin();
    assert_norm(&numbers.view([2, 64, 8, 8]), &parameters[..2], &|x| group.forward(x), &|x, weight, bias| {
        x.group_norm(8, Some(weight), Some(bias), 1e-5, true)
    });
    assert_norm(&numbers.view([2, 64, 64]), &parameters[2..], &|x| layer.forward(x), &|x, weight, bias| {
        x.layer_norm([64], Some(weight), Some(bias), 1e-5, true)
    });
}

/// Compares output and gradients of a norm of bf16 numbers with those of f64 arithmetic on the same numbers.
fn assert_norm(
    numbers: &Tensor,
    parameters: &[(String, Tensor)],
    norm: &dyn Fn(&Tensor) -> Tensor,
    reference: &dyn Fn(&Tensor, &Tensor, &Tensor) -> Tensor,
) {
    let [(what, weight), (_, bias)] = parameters else { panic!("a norm has a scale and a shift") };
    let x = numbers.to_kind(Kind::BFloat16).set_requires_grad(true);
    let exact = |tensor: &Tensor| tensor.detach().to_kind(Kind::Double).set_requires_grad(true);
    let (exact_x, exact_weight, exact_bias) = (exact(&x), exact(weight), exact(bias));
    let (y, exact_y) = (norm(&x), reference(&exact_x, &exact_weight, &exact_bias));
    assert_eq!(y.kind(), Kind::BFloat16);
    let direction = (numbers * 3.7).cos().to_kind(Kind::BFloat16);
    (&y * &direction).to_kind(Kind::Double).sum(Kind::Double).backward();
    (&exact_y * direction.to_kind(Kind::Double)).sum(Kind::Double).backward();
    // One rounding to 8 bits, of the largest value.
    assert_close(what, &y, &exact_y.detach(), 0.004);
    assert_close(what, &x.grad(), &exact_x.grad(), 0.004);
    // Sums over all positions, gathered in f32.
    assert_close(what, &weight.grad(), &exact_weight.grad(), 1e-5);
    assert_close(what, &bias.grad(), &exact_bias.grad(), 1e-5);
}
