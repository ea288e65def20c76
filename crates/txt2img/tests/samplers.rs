//! The samplers walk as k-diffusion's do. References: `goldens/samplers.safetensors`, recorded with k-diffusion on the
//! denoiser D(x, sigma) = x / (1 + sigma^2) + 0.1 tanh(x), with given noise.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::Path;

use engine::tch::Tensor;
use model::{ModelConfig, NoiseSchedule};
use protocol::SamplerName;
use txt2img::error::Result;
use txt2img::sampler::{Churn, Denoiser, Settings, StepNoise, Walk, sampler};
use txt2img::sigmas::model_sigmas;

/// f32 sums of twenty steps of size up to 60: a few units in the last place.
const TOLERANCE: f64 = 1e-5;

const NO_CHURN: Churn = Churn { amount: 0.0, sigma_min: 0.0, sigma_max: f64::INFINITY, noise: 1.0 };

struct Analytic;

impl Denoiser for Analytic {
    fn denoise(&mut self, x: &Tensor, sigma: f64) -> Result<Tensor> {
        Ok(x / (1.0 + sigma * sigma) + x.tanh() * 0.1)
    }

    fn predict_noise(&mut self, _: &Tensor, _: f64) -> Result<Tensor> {
        unreachable!("Euler's family asks for clean latents")
    }
}

/// Recorded noise, in order.
struct Recorded {
    noise: Tensor,
    next: i64,
}

impl StepNoise for Recorded {
    fn next(&mut self) -> Tensor {
        self.next += 1;
        self.noise.get(self.next - 1)
    }
}

fn goldens() -> HashMap<String, Tensor> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/samplers.safetensors");
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

/// Walks along a recorded list of sigmas and compares the end with the recorded trajectory's.
fn walks_like_k_diffusion(name: SamplerName, case: &str, settings: Settings) {
    let goldens = goldens();
    for list in ["model.1", "karras.5", "model.20", "karras.20"] {
        let trajectory: Vec<f64> =
            Vec::try_from(goldens[&format!("sigmas.{list}")].to_kind(engine::tch::Kind::Double)).unwrap();
        let algorithm = sampler(name);
        let mut noise = Recorded { noise: goldens["noise"].shallow_clone(), next: 0 };
        let mut steps = Vec::new();
        let x = algorithm.first_latents(&goldens["start"], &trajectory);
        let mut walk = Walk {
            denoiser: &mut Analytic,
            noise: &mut noise,
            trajectory: &trajectory,
            settings,
            on_step: &mut |step| steps.push(step),
        };
        let end = algorithm.sample(&mut walk, x).unwrap();
        let expected = goldens[&format!("{case}.{list}")].get(-1);
        let error = f64::try_from((&end - &expected).abs().max()).unwrap();
        let size = f64::try_from(expected.abs().max()).unwrap();
        assert!(error <= TOLERANCE * size.max(1.0), "{case}.{list}: {error} of {size}");
        assert_eq!(steps, (1..trajectory.len()).collect::<Vec<_>>());
    }
}

#[test]
fn euler_walks_like_k_diffusion() {
    walks_like_k_diffusion(SamplerName::Euler, "euler.plain", Settings { eta: None, churn: NO_CHURN });
}

#[test]
fn euler_churns_like_k_diffusion() {
    let churn = Churn { amount: 3.0, ..NO_CHURN };
    walks_like_k_diffusion(SamplerName::Euler, "euler.churn", Settings { eta: None, churn });
    let window = Churn { amount: 10.0, sigma_min: 0.5, sigma_max: 8.0, noise: 1.1 };
    walks_like_k_diffusion(SamplerName::Euler, "euler.churn_window", Settings { eta: None, churn: window });
}

#[test]
fn euler_a_walks_like_k_diffusion_at_every_eta() {
    for (case, eta) in [("eta_0", Some(0.0)), ("eta_half", Some(0.5)), ("eta_1", Some(1.0)), ("eta_1", None)] {
        walks_like_k_diffusion(SamplerName::EulerA, &format!("euler_a.{case}"), Settings { eta, churn: NO_CHURN });
    }
}

#[test]
fn the_models_sigmas_are_k_diffusions() {
    let goldens = goldens();
    let schedule = NoiseSchedule::new(&ModelConfig::sd15().schedule);
    for steps in [1, 5, 20] {
        let expected: Vec<f64> =
            Vec::try_from(goldens[&format!("sigmas.model.{steps}")].to_kind(engine::tch::Kind::Double)).unwrap();
        let ours = model_sigmas(&schedule, steps);
        assert_eq!(ours.len(), expected.len());
        // The table is kept in f32 on both sides; its smallest values carry five digits.
        assert!(ours.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-4 * b), "{ours:?} {expected:?}");
    }
}
