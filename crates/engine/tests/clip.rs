//! Gradients are clipped by their common norm, inside the update.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::tch::{Kind, Tensor};
use engine::{AdamW, AdamWSettings, Generator, Optimizer, Parameter, Philox, clip};

/// A parameter of zeros whose gradient is `gradient`.
fn with_gradient(gradient: &Tensor) -> Parameter {
    let leaf = gradient.zeros_like().set_requires_grad(true);
    (&leaf * gradient).sum(gradient.kind()).backward();
    Parameter::new("weights".to_owned(), leaf)
}

fn number(tensor: &Tensor) -> f64 {
    tensor.double_value(&[])
}

#[test]
fn long_gradients_count_less_and_stay_as_they_are() {
    let parameters = [&[3.0_f32, 0.0][..], &[4.0][..]].map(|values| with_gradient(&Tensor::from_slice(values)));
    let clip = clip(&parameters, 1.0).unwrap();
    assert!((number(&clip.norm) - 5.0).abs() < 1e-6);
    assert!((number(&clip.coefficient) - 1.0 / (5.0 + 1e-6)).abs() < 1e-7);
    assert_eq!(parameters[1].gradient().unwrap().double_value(&[0]), 4.0);

    let mut optimizer = AdamW::new(parameters.into(), AdamWSettings::default());
    optimizer.step(0.0, &clip).unwrap();
    let state = optimizer.state();
    let (_, mean) = state.iter().find(|(name, _)| name == "exp_avg.weights").unwrap();
    let expected = 0.1 * 3.0 / 5.0;
    assert!((mean.double_value(&[0]) - expected).abs() < 1e-6, "the moments are those of clipped gradients");
}

#[test]
fn short_gradients_count_whole() {
    let weights = with_gradient(&Tensor::from_slice(&[0.3_f32, 0.4]));
    let found = clip([&weights], 1.0).unwrap();
    assert!((number(&found.norm) - 0.5).abs() < 1e-6);
    assert_eq!(number(&found.coefficient), 1.0);
    let none = clip([], 1.0).unwrap();
    assert_eq!((number(&none.norm), number(&none.coefficient)), (0.0, 1.0));
}

#[test]
fn the_norm_is_exact_to_f32_for_both_dtypes_and_any_layout() {
    for kind in [Kind::Float, Kind::BFloat16] {
        let values = Philox::new(1).normal(&[3, 333, 101]).to_kind(kind);
        let exact = number(&values.to_kind(Kind::Double).square().sum(Kind::Double).sqrt());
        for gradient in [values.shallow_clone(), values.transpose(0, 2), values.expand([2, 3, 333, 101], false)] {
            let exact = if gradient.dim() == 4 { exact * 2.0_f64.sqrt() } else { exact };
            let found = number(&clip([&with_gradient(&gradient)], 1.0).unwrap().norm);
            // Rounding once to f32 costs 6e-8 of it at most.
            assert!((found / exact - 1.0).abs() < 6.1e-8, "{found} is not {exact} in {kind:?}");
        }
    }
}

#[test]
fn a_gradient_that_is_no_number_is_seen_in_the_norm() {
    for (value, norm_is) in [(f32::INFINITY, f64::is_infinite as fn(f64) -> bool), (f32::NAN, f64::is_nan)] {
        let found = clip([&with_gradient(&Tensor::from_slice(&[1.0, value]))], 1.0).unwrap();
        assert!(norm_is(number(&found.norm)), "{value}");
    }
}
