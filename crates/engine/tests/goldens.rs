//! Streams and steps are those that torch recorded; `tools/goldens/README.md` says how.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::Path;

use engine::tch::{Kind, Tensor};
use engine::{AdamW, AdamWSettings, Clip, Generator, Mt19937, Optimizer, Parameter, Philox, clip};

type Goldens = HashMap<String, Tensor>;

fn read(name: &str) -> Goldens {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name);
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

#[track_caller]
fn assert_near(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.size(), expected.size(), "{what}");
    let difference = (found.to_kind(Kind::Double) - expected.to_kind(Kind::Double)).abs().max().double_value(&[]);
    assert!(difference < tolerance, "{what} differs by {difference:e}");
}

#[test]
fn every_stream_is_the_recorded_one() {
    let mut compared = 0;
    for (name, expected) in read("randn.safetensors") {
        let parts: Vec<&str> = name.split('.').collect();
        let seed: u64 = parts[1].parse().unwrap();
        match parts[0] {
            "randn" => assert_near(&name, &Mt19937::new(seed).normal(&expected.size()), &expected, 1e-5),
            "philox" => {
                let mut generator = Philox::new(seed);
                for _ in 0..parts[2].parse().unwrap() {
                    let _ = generator.normal(&[1]);
                }
                assert_near(&name, &generator.normal(&expected.size()), &expected, 1e-6);
            }
            "u32" => {
                let mut generator = Mt19937::new(seed);
                let drawn: Vec<i64> = (0..expected.numel()).map(|_| i64::from(generator.next_u32())).collect();
                assert_eq!(Vec::<i64>::try_from(expected).unwrap(), drawn, "{name}");
            }
            "uniform64" => {
                let mut generator = Mt19937::new(seed);
                let mut uniform = || (generator.next_u64() & ((1 << 53) - 1)) as f64 / (1_u64 << 53) as f64;
                let drawn: Vec<f64> = (0..expected.numel()).map(|_| uniform()).collect();
                assert_eq!(Vec::<f64>::try_from(expected).unwrap(), drawn, "{name}");
            }
            _ => continue,
        }
        compared += 1;
    }
    assert!(compared >= 50, "only {compared} streams were compared");
}

#[test]
fn a_spare_number_of_a_short_request_goes_to_the_next_short_one() {
    let goldens = read("randn.safetensors");
    let mut generator = Mt19937::new(42);
    for request in 0..6 {
        let name = format!("sequence.42.{request}");
        assert_near(&name, &generator.normal(&goldens[&name].size()), &goldens[&name], 1e-5);
    }
}

/// Relative to the reference's largest element, so that small tensors are held to it too. f32 carries 6e-8.
#[track_caller]
fn assert_near_in_size(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_near(what, found, expected, tolerance * expected.abs().max().double_value(&[]));
}

/// The three parameters of the optimizer's records.
const NAMES: [&str; 3] = ["matrix", "bias", "kernel"];

#[test]
fn steps_leave_the_weights_and_moments_of_torch() {
    let goldens = read("adamw.safetensors");
    let other = AdamWSettings { beta1: 0.8, beta2: 0.95, eps: 1e-4, weight_decay: 0.2 };
    for (case, settings) in [("default", AdamWSettings::default()), ("other", other)] {
        let parameter = |name: &str| {
            let leaf = goldens[&format!("{case}.initial.{name}")].copy().set_requires_grad(true);
            Parameter::new(name.to_owned(), leaf)
        };
        let mut optimizer = AdamW::new(NAMES.map(parameter).into(), settings);
        let clip = Clip { norm: Tensor::from(1.0_f32), coefficient: Tensor::from(1.0_f32) };
        let rates = Vec::<f64>::try_from(&goldens[&format!("{case}.lr")]).unwrap();
        for (step, lr) in (1_i32..).zip(rates) {
            for parameter in optimizer.parameters() {
                let gradient = &goldens[&format!("{case}.grad.{step}.{}", parameter.name())];
                (parameter.leaf() * gradient).sum(Kind::Float).backward();
            }
            optimizer.step(lr, &clip).unwrap();
            optimizer.zero_grad();
            let state: Goldens = optimizer.state().into_iter().collect();
            for parameter in optimizer.parameters() {
                let name = parameter.name();
                assert_eq!(state[&format!("step.{name}")].int64_value(&[]), i64::from(step));
                let states = [
                    ("after", parameter.master()),
                    ("exp_avg", &state[&format!("exp_avg.{name}")]),
                    ("exp_avg_sq", &state[&format!("exp_avg_sq.{name}")]),
                ];
                for (state, found) in states {
                    let name = format!("{case}.{state}.{step}.{name}");
                    assert_near_in_size(&name, found, &goldens[&name], 5e-7);
                }
            }
        }
    }
}

#[test]
fn clipping_is_torchs() {
    let goldens = read("clip_grad_norm.safetensors");
    for case in ["long", "short", "zero"] {
        let parameters = NAMES.map(|name| {
            let gradient = &goldens[&format!("{case}.grad.{name}")];
            let leaf = gradient.zeros_like().set_requires_grad(true);
            (&leaf * gradient).sum(Kind::Float).backward();
            Parameter::new(name.to_owned(), leaf)
        });
        let clip = clip(&parameters, 1.0).unwrap();
        assert_near(case, &clip.norm, &goldens[&format!("{case}.norm")], 1e-4);
        for parameter in &parameters {
            let name = format!("{case}.clipped.{}", parameter.name());
            let clipped = parameter.gradient().unwrap() * &clip.coefficient;
            assert_near(&name, &clipped, &goldens[&name], 1e-6);
        }
    }
}
