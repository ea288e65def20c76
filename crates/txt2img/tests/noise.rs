//! Every image's noise is its own, and the numbers are those of the references: numpy's SeedSequence, torchsde's tree (through
//! k-diffusion), torch's generators.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use engine::tch::{Device, Tensor};
use engine::{Generator, Mt19937, Philox};
use protocol::NoiseSource;
use serde_json::Value;
use support::walks::{assert_close, doubles, read};
use txt2img::noise::{BrownianPath, ImageNoise, NoiseOptions, SeedSequence};
use txt2img::sampler::StepNoise;

const SHAPE: [i64; 3] = [4, 8, 8];
const INTERVAL: [f64; 2] = [0.0291672, 14.6146];

fn begin(seeds: &[u64], options: NoiseOptions) -> (Tensor, ImageNoise) {
    ImageNoise::begin(seeds, SHAPE, Device::Cpu, options, INTERVAL)
}

#[test]
fn an_images_noise_does_not_depend_on_its_batch() {
    for source in [NoiseSource::Nv, NoiseSource::Cpu] {
        let options = NoiseOptions { source, seed_delta: 0 };
        let (first_alone, mut alone) = begin(&[12], options);
        let (first, mut batch) = begin(&[11, 12, 13], options);
        assert!(first_alone.get(0).equal(&first.get(1)));
        for sigma in [10.0, 3.0, 0.5] {
            assert!(alone.next().get(0).equal(&batch.next().get(1)));
            assert!(alone.between(sigma, sigma / 2.0).get(0).equal(&batch.between(sigma, sigma / 2.0).get(1)));
        }
    }
}

#[test]
fn the_first_noise_of_seed_0_is_what_cuda_draws() {
    let (first, _) = begin(&[0], NoiseOptions::default());
    for (value, published) in doubles(&first.flatten(0, -1)).iter().zip([-0.9247, -0.4253, -2.6438, 0.1452, -0.1209]) {
        assert!((value - published).abs() < 1e-4, "{value} {published}");
    }
}

#[test]
fn skipped_noise_counts_as_drawn() {
    for source in [NoiseSource::Nv, NoiseSource::Cpu] {
        let options = NoiseOptions { source, seed_delta: 0 };
        let ((_, mut drawn), (_, mut skipped)) = (begin(&[5, 6], options), begin(&[5, 6], options));
        _ = drawn.next();
        skipped.skip();
        assert!(drawn.next().equal(&skipped.next()), "{source}");
    }
}

#[test]
fn a_seed_delta_changes_all_but_the_first_tensor_and_the_brownian_path() {
    let ((first, mut plain), (first_moved, mut moved)) = (
        begin(&[5], NoiseOptions::default()),
        begin(&[5], NoiseOptions { seed_delta: 31_337, ..NoiseOptions::default() }),
    );
    assert!(first.equal(&first_moved));
    assert!(plain.between(5.0, 1.0).equal(&moved.between(5.0, 1.0)));
    let next = moved.next();
    assert!(!plain.next().equal(&next));
    assert!(next.get(0).equal(&Philox::new(5 + 31_337).normal(&SHAPE)), "a fresh stream begins at its beginning");
}

#[test]
fn noise_of_a_cpu_is_torchs_mersenne_twister() {
    let (first, mut noise) = begin(&[42], NoiseOptions { source: NoiseSource::Cpu, seed_delta: 0 });
    let mut generator = Mt19937::new(42);
    assert!(first.get(0).equal(&generator.normal(&SHAPE)));
    assert!(noise.next().get(0).equal(&generator.normal(&SHAPE)));
}

#[test]
fn seed_sequences_are_numpys() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/seed_sequence.json");
    let recorded: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let key: Vec<u64> = serde_json::from_value(case["spawn_key"].clone()).unwrap();
        let state: Vec<u32> = serde_json::from_value(case["state"].clone()).unwrap();
        let (entropy, pool) = (case["entropy"].as_u64().unwrap(), case["pool_size"].as_u64().unwrap() as usize);
        assert_eq!(SeedSequence::new(entropy, &key, pool).generate_state(state.len()), state, "{case}");
    }
}

/// The numbers go up to 4; a step of a millionth divides f32 rounding of the path, 2e-7, by a thousandth.
const TREE_TOLERANCE: f64 = 1e-5;
const SHORTEST_STEP_TOLERANCE: f64 = 5e-4;

#[test]
fn a_brownian_path_is_torchsdes() {
    let goldens = read("brownian.safetensors");
    let pairs = doubles(&goldens["pairs"].flatten(0, -1));
    let mut paths = [0, 7, 4_294_967_295, 4_294_967_301]
        .map(|seed| BrownianPath::new(NoiseSource::Cpu, seed, [4, 3, 3], [0.0291672, 14.6146]));
    for (row, pair) in pairs.chunks(2).enumerate() {
        let [sigma, next] = [pair[0], pair[1]];
        let found = Tensor::stack(&paths.each_mut().map(|path| path.between(sigma, next)), 0);
        let tolerance = if sigma - next < 1e-5 { SHORTEST_STEP_TOLERANCE } else { TREE_TOLERANCE };
        assert_close(&format!("{sigma} to {next}"), &found, &goldens["noise"].get(row as i64), tolerance);
    }
}

#[test]
fn a_brownian_path_does_not_depend_on_what_was_asked_before() {
    let path = || BrownianPath::new(NoiseSource::Nv, 3, SHAPE, INTERVAL);
    let mut walked = path();
    for (sigma, next) in [(14.0, 9.0), (9.0, 2.0), (2.0, 0.3), (9.0, 0.3), (0.3, 0.05)] {
        assert!(walked.between(sigma, next).equal(&path().between(sigma, next)), "{sigma} to {next}");
    }
}
