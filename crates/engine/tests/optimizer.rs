//! AdamW and gradient clipping compute torch's formulas.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::tch::{Device, Kind, Tensor};
use engine::{AdamW, AdamWSettings, Generator, Philox, clip_grad_norm};

fn parameter(values: &[f32]) -> Tensor {
    Tensor::from_slice(values).set_requires_grad(true)
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.detach().flatten(0, -1).to_kind(Kind::Double)).unwrap()
}

/// Gives `parameter` the gradient `gradient` by differentiating their product.
fn set_grad(parameter: &Tensor, gradient: &[f32]) {
    (parameter * Tensor::from_slice(gradient)).sum(Kind::Float).backward();
}

#[test]
fn ten_steps_are_those_of_the_formula_in_double_precision() {
    let settings = AdamWSettings { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 };
    let start: Vec<f32> = Vec::try_from(Philox::new(1).normal(&[37])).unwrap();
    let weights = parameter(&start);
    let mut optimizer = AdamW::new(vec![weights.shallow_clone()], settings);
    let mut gradients = Philox::new(2);

    let mut expected: Vec<f64> = start.iter().map(|&value| f64::from(value)).collect();
    let (mut mean, mut square) = (vec![0.0; 37], vec![0.0; 37]);
    for step in 1..=10 {
        let gradient: Vec<f32> = Vec::try_from(gradients.normal(&[37])).unwrap();
        let lr = 1e-2 / f64::from(step);
        set_grad(&weights, &gradient);
        optimizer.step(lr).unwrap();
        optimizer.zero_grad();
        for (index, g) in gradient.into_iter().map(f64::from).enumerate() {
            mean[index] = settings.beta1 * mean[index] + (1.0 - settings.beta1) * g;
            square[index] = settings.beta2 * square[index] + (1.0 - settings.beta2) * g * g;
            let corrected = mean[index] / (1.0 - settings.beta1.powi(step));
            let root = (square[index] / (1.0 - settings.beta2.powi(step))).sqrt();
            expected[index] *= 1.0 - lr * settings.weight_decay;
            expected[index] -= lr * corrected / (root + settings.eps);
        }
    }
    for (found, expected) in numbers(&weights).iter().zip(&expected) {
        assert!((found - expected).abs() < 2e-6, "{found} is not {expected}");
    }
}

#[test]
fn a_step_changes_the_weights_that_a_network_holds() {
    let held = parameter(&[1.0, 2.0]);
    let mut optimizer = AdamW::new(vec![held.shallow_clone()], AdamWSettings::default());
    set_grad(&held, &[1.0, -1.0]);
    optimizer.step(0.1).unwrap();
    assert!(numbers(&held)[0] < 1.0 && numbers(&held)[1] > 2.0);
}

#[test]
fn parameters_without_a_gradient_stay() {
    let (trained, idle) = (parameter(&[1.0]), parameter(&[1.0]));
    let mut optimizer = AdamW::new(vec![trained.shallow_clone(), idle.shallow_clone()], AdamWSettings::default());
    set_grad(&trained, &[1.0]);
    optimizer.step(0.1).unwrap();
    assert_ne!(numbers(&trained), [1.0]);
    assert_eq!(numbers(&idle), [1.0]);
    assert!(matches!(optimizer.moments(), [Some(_), None]), "and have no state");
}

#[test]
fn a_step_without_any_gradient_does_nothing() {
    let mut optimizer = AdamW::new(vec![parameter(&[1.0])], AdamWSettings::default());
    optimizer.step(0.1).unwrap();
    assert_eq!(numbers(&optimizer.parameters()[0]), [1.0]);
}

#[test]
fn forgotten_gradients_are_gone_and_not_zero() {
    let weights = parameter(&[1.0, 2.0]);
    let mut optimizer = AdamW::new(vec![weights.shallow_clone()], AdamWSettings::default());
    set_grad(&weights, &[1.0, 1.0]);
    assert!(weights.grad().defined());
    optimizer.zero_grad();
    assert!(!weights.grad().defined());
    set_grad(&weights, &[3.0, 4.0]);
    assert_eq!(numbers(&weights.grad()), [3.0, 4.0]);
}

#[test]
fn weights_of_any_layout_are_stepped_element_by_element() {
    let start = Philox::new(3).normal(&[5, 7]);
    let rows = start.copy().set_requires_grad(true);
    let columns = start.tr().contiguous().tr().detach().set_requires_grad(true);
    assert!(!columns.is_contiguous());
    let mut optimizer = AdamW::new(vec![rows.shallow_clone(), columns.shallow_clone()], AdamWSettings::default());
    let gradient = Philox::new(4).normal(&[5, 7]);
    for _ in 0..3 {
        (&rows * &gradient).sum(Kind::Float).backward();
        (&columns * &gradient).sum(Kind::Float).backward();
        optimizer.step(0.01).unwrap();
        optimizer.zero_grad();
    }
    let difference = (rows - columns).abs().max().double_value(&[]);
    assert!(difference < 1e-6, "{difference}");
}

#[test]
fn two_equal_runs_are_equal_to_the_last_bit() {
    let run = || {
        let weights = Philox::new(5).normal(&[1000]).set_requires_grad(true);
        let mut optimizer = AdamW::new(vec![weights.shallow_clone()], AdamWSettings::default());
        for _ in 0..5 {
            (&weights * &weights).sum(Kind::Float).backward();
            clip_grad_norm(optimizer.parameters(), 1.0).unwrap();
            optimizer.step(0.01).unwrap();
            optimizer.zero_grad();
        }
        numbers(&weights)
    };
    assert_eq!(run(), run());
}

#[test]
fn an_impossible_step_is_an_error_with_libtorchs_words() {
    let whole = Tensor::zeros([2], (Kind::ComplexFloat, Device::Cpu)).set_requires_grad(true);
    let mut optimizer = AdamW::new(vec![whole.shallow_clone()], AdamWSettings::default());
    whole.abs().sum(Kind::Float).backward();
    let error = optimizer.step(0.1).unwrap_err().to_string();
    assert!(error.starts_with("tensor engine: the AdamW step failed: "), "{error}");
}

#[test]
fn long_gradients_are_shortened_together() {
    let (first, second) = (parameter(&[0.0; 2]), parameter(&[0.0]));
    set_grad(&first, &[3.0, 0.0]);
    set_grad(&second, &[4.0]);
    let norm = clip_grad_norm(&[first.shallow_clone(), second.shallow_clone()], 1.0).unwrap();
    assert!((norm - 5.0).abs() < 1e-6);
    let scale = 1.0 / (5.0 + 1e-6);
    assert!((numbers(&first.grad())[0] - 3.0 * scale).abs() < 1e-6);
    assert!((numbers(&second.grad())[0] - 4.0 * scale).abs() < 1e-6);
}

#[test]
fn short_gradients_stay_as_they_are() {
    let weights = parameter(&[0.0; 2]);
    set_grad(&weights, &[0.3, 0.4]);
    let norm = clip_grad_norm(&[weights.shallow_clone()], 1.0).unwrap();
    assert!((norm - 0.5).abs() < 1e-6);
    assert_eq!(numbers(&weights.grad()), [f64::from(0.3_f32), f64::from(0.4_f32)]);
    assert_eq!(clip_grad_norm(&[], 1.0).unwrap(), 0.0);
}
