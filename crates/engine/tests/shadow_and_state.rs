//! Shadows follow their masters, states come back exactly, and the bits do not depend on threads.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;

use engine::tch::{Kind, Tensor, get_num_threads, set_num_threads};
use engine::{
    AdamW, AdamW8bit, AdamW8bitSettings, AdamWSettings, Ema, EngineError, Generator, Optimizer, Parameter, Philox, clip,
};

/// A large f32 parameter, a large bf16 one with its master, and a small one.
fn parameters() -> Vec<Parameter> {
    let weights = |seed, shape: &[i64]| Philox::new(seed).normal(shape);
    let master = weights(2, &[300, 500]);
    let shadow = master.to_kind(Kind::BFloat16).set_requires_grad(true);
    vec![
        Parameter::new("plain".to_owned(), weights(1, &[400, 250]).set_requires_grad(true)),
        Parameter::with_shadow("shadowed".to_owned(), master, shadow).unwrap(),
        Parameter::new("small".to_owned(), weights(3, &[50]).set_requires_grad(true)),
    ]
}

type Make = fn(Vec<Parameter>) -> Box<dyn Optimizer>;

const BOTH: [Make; 2] = [
    |parameters| Box::new(AdamW::new(parameters, AdamWSettings::default())),
    |parameters| Box::new(AdamW8bit::new(parameters, AdamW8bitSettings::default())),
];

fn step(optimizer: &mut dyn Optimizer, seed: u64) {
    for (parameter, offset) in optimizer.parameters().iter().zip(0..) {
        let leaf = parameter.leaf();
        let gradient = Philox::new(100 * seed + offset).normal(&leaf.size()).to_kind(leaf.kind());
        (leaf * gradient).sum(leaf.kind()).backward();
    }
    let clip = clip(optimizer.parameters(), 1.0).unwrap();
    optimizer.step(1e-2, &clip).unwrap();
    optimizer.zero_grad();
}

/// Everything that a run has come to.
fn all(optimizer: &dyn Optimizer) -> HashMap<String, Tensor> {
    let weights = optimizer.parameters().iter().flat_map(|parameter| {
        let name = parameter.name();
        [
            (format!("master.{name}"), parameter.master().copy()),
            (format!("leaf.{name}"), parameter.leaf().detach().copy()),
        ]
    });
    weights.chain(optimizer.state().into_iter().map(|(name, tensor)| (name, tensor.copy()))).collect()
}

#[track_caller]
fn assert_same_bits(found: &HashMap<String, Tensor>, expected: &HashMap<String, Tensor>) {
    assert_eq!(found.len(), expected.len());
    for (name, tensor) in expected {
        assert!(found[name].equal(tensor), "{name} differs");
    }
}

#[test]
fn a_shadow_is_its_master_rounded_after_each_step() {
    for make in BOTH {
        let mut optimizer = make(parameters());
        for seed in 0..3 {
            step(&mut *optimizer, seed);
            let shadowed = &optimizer.parameters()[1];
            assert!(shadowed.leaf().detach().equal(&shadowed.master().to_kind(Kind::BFloat16)));
        }
    }
}

#[test]
fn one_thread_and_two_leave_the_same_bits() {
    let threads = get_num_threads();
    for make in BOTH {
        let [one, two] = [1, 2].map(|count| {
            set_num_threads(count);
            let mut optimizer = make(parameters());
            (0..3).for_each(|seed| step(&mut *optimizer, seed));
            all(&*optimizer)
        });
        assert_same_bits(&two, &one);
    }
    set_num_threads(threads);
}

#[test]
fn a_run_that_was_put_back_goes_on_bit_for_bit() {
    for make in BOTH {
        let mut whole = make(parameters());
        (0..2).for_each(|seed| step(&mut *whole, seed));
        let saved = all(&*whole);
        let mut resumed = make(parameters());
        for parameter in resumed.parameters() {
            parameter.load(&saved[&format!("master.{}", parameter.name())]).unwrap();
        }
        resumed.load(&mut |name| Ok(saved[name].shallow_clone())).unwrap();
        step(&mut *whole, 7);
        step(&mut *resumed, 7);
        assert_same_bits(&all(&*resumed), &all(&*whole));
    }
}

#[test]
fn state_of_another_shape_is_refused_by_name() {
    let mut optimizer = BOTH[0](parameters());
    step(&mut *optimizer, 0);
    let error = optimizer.load(&mut |_| Ok(Tensor::from_slice(&[1_i64, 2]))).unwrap_err();
    assert!(matches!(&error, EngineError::UnfitState { name, .. } if name == "step.plain"), "{error}");
}

#[test]
fn a_shadow_that_is_no_bf16_copy_is_refused() {
    let master = Philox::new(1).normal(&[4]);
    let error = Parameter::with_shadow("weight".to_owned(), master.shallow_clone(), master).unwrap_err().to_string();
    assert!(error.starts_with("weight weight cannot be computed with as a bf16 copy: it is Float"), "{error}");
}

#[test]
fn averages_are_those_of_the_formula_and_come_back() {
    let parameters = parameters();
    let start = parameters[2].master().to_kind(Kind::Double);
    let mut ema = Ema::new(&parameters, 0.25).unwrap();
    let mut expected = start;
    for k in 1..=5 {
        let weights = Philox::new(40 + k).normal(&[50]);
        parameters[2].load(&weights).unwrap();
        ema.update(&parameters).unwrap();
        let decay = 0.25_f64.min((1.0 + k as f64) / (10.0 + k as f64));
        expected = expected * decay + weights.to_kind(Kind::Double) * (1.0 - decay);
    }
    let (name, average) = ema.averages().nth(2).unwrap();
    assert_eq!(name, "small");
    // Five roundings in f32 of numbers up to 4.
    assert!((average.to_kind(Kind::Double) - expected).abs().max().double_value(&[]) < 2e-6);

    let saved: HashMap<String, Tensor> = ema.state().into_iter().map(|(name, value)| (name, value.copy())).collect();
    let mut resumed = Ema::new(&parameters, 0.25).unwrap();
    resumed.load(&mut |name| Ok(saved[name].shallow_clone())).unwrap();
    ema.update(&parameters).unwrap();
    resumed.update(&parameters).unwrap();
    for ((_, one), (_, other)) in ema.averages().zip(resumed.averages()) {
        assert!(one.equal(other));
    }
}
