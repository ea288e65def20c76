//! The training loss and its gradients are those of diffusers, transformers and torch.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Kind, Reduction, Tensor};
use engine::{Parameter, clip};
use model::config::ScheduleConfig;
use model::{NoiseSchedule, TextEncoder, UNet};
use support::{
    GRADIENT_TOLERANCE, OUTPUT_TOLERANCE, Tensors, assert_close, assert_elements_close, golden, tiny_text_encoder,
    tiny_unet,
};

/// What rounding makes of a gradient whose true value is 0.
const ROUNDING_TO_ZERO: f64 = 1e-7;

/// Both networks, their parameters asking for gradients.
fn networks() -> (TextEncoder, UNet) {
    let (text, unet) = (tiny_text_encoder(), tiny_unet());
    for (_, parameter) in text.parameters().iter().chain(unet.parameters()) {
        let _ = parameter.set_requires_grad(true);
    }
    (text, unet)
}

/// The loss of the golden batch, computed in `compute`; its context and prediction.
fn loss(text: &TextEncoder, unet: &UNet, goldens: &Tensors, compute: Kind) -> (Tensor, Tensor, Tensor) {
    let schedule = NoiseSchedule::new(&ScheduleConfig::sd15());
    let (noise, timesteps) = (goldens.get("noise"), goldens.get("timesteps"));
    let noisy = schedule.add_noise(&goldens.get("latents"), &noise, &timesteps);
    assert_close("noisy", &noisy, &goldens.get("noisy"), OUTPUT_TOLERANCE);
    let context = text.forward(&goldens.get("ids"), compute);
    let prediction = unet.forward(&noisy.to_kind(compute), &timesteps, &context);
    let loss = prediction.to_kind(Kind::Float).mse_loss(&noise, Reduction::Mean);
    (loss, context, prediction)
}

/// Compares the recorded gradients of one network, and the norm of every gradient; returns how many were compared whole.
fn assert_gradients(part: &str, parameters: &[(String, Tensor)], goldens: &Tensors) -> usize {
    let mut compared = 0;
    for name in goldens.names() {
        if let Some(name) = name.strip_prefix(&format!("{part}.grad.")) {
            let (_, parameter) = parameters.iter().find(|(known, _)| known == name).unwrap();
            let recorded = goldens.get(&format!("{part}.grad.{name}"));
            assert_elements_close(name, &parameter.grad(), &recorded, GRADIENT_TOLERANCE);
            compared += 1;
        }
    }
    let mut by_name: Vec<&(String, Tensor)> = parameters.iter().collect();
    by_name.sort_by_key(|(name, _)| name);
    let norms = Vec::<f64>::try_from(goldens.get(&format!("{part}.grad_norms")).to_kind(Kind::Double)).unwrap();
    assert_eq!(by_name.len(), norms.len());
    for ((name, parameter), expected) in by_name.into_iter().zip(norms) {
        let norm = parameter.grad().norm().double_value(&[]);
        // The true gradient of a key's bias is 0, as softmax does not see it; rounding leaves about 1e-8.
        let allowed = GRADIENT_TOLERANCE * expected.max(ROUNDING_TO_ZERO / GRADIENT_TOLERANCE);
        assert!(
            (norm - expected).abs() <= allowed,
            "{part}: the gradient of {name} has the norm {norm}, not {expected}"
        );
    }
    compared
}

#[test]
fn gradients_are_those_of_the_reference() {
    let goldens = Tensors::read(&golden("gradients.safetensors"));
    let (text, unet) = networks();
    let (loss, context, prediction) = loss(&text, &unet, &goldens, Kind::Float);
    assert_close("the context", &context, &goldens.get("context"), OUTPUT_TOLERANCE);
    assert_close("the prediction", &prediction, &goldens.get("prediction"), OUTPUT_TOLERANCE);
    assert_close("the loss", &loss, &goldens.get("loss"), OUTPUT_TOLERANCE);
    loss.backward();

    assert!(assert_gradients("unet", unet.parameters(), &goldens) >= 28);
    assert!(assert_gradients("text", text.parameters(), &goldens) >= 11);
    let (text, unet) = (parameters(text.parameters()), parameters(unet.parameters()));
    let joint: Vec<&Parameter> = text.iter().chain(&unet).collect();
    for (name, parameters) in [("text", text.iter().collect()), ("unet", unet.iter().collect()), ("joint", joint)] {
        let norm = clip(parameters, 1.0).unwrap().norm;
        assert_close(name, &norm, &goldens.get(&format!("{name}.grad_norm")), GRADIENT_TOLERANCE);
    }
}

#[test]
fn every_parameter_gets_a_finite_gradient_of_its_own_dtype_from_bfloat16_arithmetic() {
    let goldens = Tensors::read(&golden("gradients.safetensors"));
    let (text, unet) = networks();
    let (loss, ..) = loss(&text, &unet, &goldens, Kind::BFloat16);
    assert_close("the loss", &loss, &goldens.get("loss"), 0.05);
    loss.backward();
    for (name, parameter) in text.parameters().iter().chain(unet.parameters()) {
        let gradient = parameter.grad();
        assert!(gradient.defined(), "{name} has no gradient");
        assert_eq!((gradient.kind(), gradient.size()), (Kind::Float, parameter.size()), "{name}");
        assert!(bool::try_from(gradient.isfinite().all()).unwrap(), "{name}");
    }
}

#[test]
fn two_backward_passes_are_equal_to_the_last_bit() {
    let goldens = Tensors::read(&golden("gradients.safetensors"));
    let run = || {
        let (text, unet) = networks();
        loss(&text, &unet, &goldens, Kind::Float).0.backward();
        text.parameters().iter().chain(unet.parameters()).map(|(_, parameter)| parameter.grad()).collect::<Vec<_>>()
    };
    for (first, second) in run().iter().zip(run()) {
        support::assert_same_bits(first, &second);
    }
}

fn parameters(named: &[(String, Tensor)]) -> Vec<Parameter> {
    named.iter().map(|(name, tensor)| Parameter::new(name.clone(), tensor.shallow_clone())).collect()
}
