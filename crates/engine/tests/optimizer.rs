//! AdamW, gradient clipping and moving averages compute the published formulas.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::tch::{Device, Kind, Tensor};
use engine::{AdamW, AdamWSettings, Clip, Generator, Optimizer, Parameter, Philox, clip};

fn parameter(values: &[f32]) -> Tensor {
    Tensor::from_slice(values).set_requires_grad(true)
}

/// An optimizer of these weights, named by their places.
fn adamw(weights: &[&Tensor]) -> AdamW {
    let parameter = |(index, leaf): (usize, &&Tensor)| Parameter::new(index.to_string(), leaf.shallow_clone());
    AdamW::new(weights.iter().enumerate().map(parameter).collect(), AdamWSettings::default())
}

/// Gradients count as they are.
fn unclipped() -> Clip {
    Clip { norm: Tensor::from(1.0_f32), coefficient: Tensor::from(1.0_f32) }
}

fn state(optimizer: &dyn Optimizer, name: &str) -> Option<Tensor> {
    optimizer.state().into_iter().find_map(|(other, tensor)| (other == name).then_some(tensor))
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
    let mut optimizer = AdamW::new(vec![Parameter::new("weights".to_owned(), weights.shallow_clone())], settings);
    let mut gradients = Philox::new(2);

    let mut expected: Vec<f64> = start.iter().map(|&value| f64::from(value)).collect();
    let (mut mean, mut square) = (vec![0.0; 37], vec![0.0; 37]);
    for step in 1..=10 {
        let gradient: Vec<f32> = Vec::try_from(gradients.normal(&[37])).unwrap();
        let lr = 1e-2 / f64::from(step);
        set_grad(&weights, &gradient);
        optimizer.step(lr, &unclipped()).unwrap();
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
    let mut optimizer = adamw(&[&held]);
    set_grad(&held, &[1.0, -1.0]);
    optimizer.step(0.1, &unclipped()).unwrap();
    assert!(numbers(&held)[0] < 1.0 && numbers(&held)[1] > 2.0);
}

#[test]
fn parameters_without_a_gradient_stay() {
    let (trained, idle) = (parameter(&[1.0]), parameter(&[1.0]));
    let mut optimizer = adamw(&[&trained, &idle]);
    set_grad(&trained, &[1.0]);
    optimizer.step(0.1, &unclipped()).unwrap();
    assert_ne!(numbers(&trained), [1.0]);
    assert_eq!(numbers(&idle), [1.0]);
    assert_eq!(numbers(&state(&optimizer, "step.0").unwrap()), [1.0]);
    assert_eq!(numbers(&state(&optimizer, "step.1").unwrap()), [0.0]);
    assert!(state(&optimizer, "exp_avg.0").is_some());
    assert!(state(&optimizer, "exp_avg.1").is_none(), "no moments are kept for what never moved");
}

#[test]
fn a_step_without_any_gradient_does_nothing() {
    let mut optimizer = adamw(&[&parameter(&[1.0])]);
    optimizer.step(0.1, &unclipped()).unwrap();
    assert_eq!(numbers(optimizer.parameters()[0].master()), [1.0]);
}

#[test]
fn forgotten_gradients_are_gone_and_not_zero() {
    let weights = parameter(&[1.0, 2.0]);
    let mut optimizer = adamw(&[&weights]);
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
    let mut optimizer = adamw(&[&rows, &columns]);
    let gradient = Philox::new(4).normal(&[5, 7]);
    for _ in 0..3 {
        (&rows * &gradient).sum(Kind::Float).backward();
        (&columns * &gradient).sum(Kind::Float).backward();
        optimizer.step(0.01, &unclipped()).unwrap();
        optimizer.zero_grad();
    }
    let difference = (rows - columns).abs().max().double_value(&[]);
    assert!(difference < 1e-6, "{difference}");
}

#[test]
fn two_equal_runs_are_equal_to_the_last_bit() {
    let run = || {
        let weights = Philox::new(5).normal(&[1000]).set_requires_grad(true);
        let mut optimizer = adamw(&[&weights]);
        for _ in 0..5 {
            (&weights * &weights).sum(Kind::Float).backward();
            let clip = clip(optimizer.parameters(), 1.0).unwrap();
            optimizer.step(0.01, &clip).unwrap();
            optimizer.zero_grad();
        }
        numbers(&weights)
    };
    assert_eq!(run(), run());
}

#[test]
fn an_impossible_step_is_an_error_with_libtorchs_words() {
    let whole = Tensor::zeros([2], (Kind::ComplexFloat, Device::Cpu)).set_requires_grad(true);
    let mut optimizer = adamw(&[&whole]);
    whole.abs().sum(Kind::Float).backward();
    let error = optimizer.step(0.1, &unclipped()).unwrap_err().to_string();
    assert!(error.starts_with("tensor engine: the AdamW step failed: "), "{error}");
}
