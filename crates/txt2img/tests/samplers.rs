//! The samplers walk as k-diffusion's do. References: `goldens/samplers.safetensors`, recorded with k-diffusion on the
//! denoiser D(x, sigma) = x / (1 + sigma^2) + 0.1 tanh(x), with given noise: every x, sigma and D of every step.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::Tensor;
use model::{ModelConfig, NoiseSchedule};
use protocol::SamplerName;
use support::walks::{NO_CHURN, doubles, read, walk};
use txt2img::error::Result;
use txt2img::sampler::{Churn, Denoiser, Settings};
use txt2img::sigmas::model_sigmas;

/// f32 sums of twenty steps of size up to 60: a few units in the last place. Two processors' recordings differ by 1e-7.
const TOLERANCE: f64 = 2e-6;

struct Analytic;

impl Denoiser for Analytic {
    fn denoise(&mut self, x: &Tensor, sigma: f64) -> Result<Tensor> {
        Ok(x / (1.0 + sigma * sigma) + x.tanh() * 0.1)
    }

    fn predict_noise(&mut self, _: &Tensor, _: f64) -> Result<Tensor> {
        unreachable!("Euler's family asks for clean latents")
    }
}

/// Walks along the recorded lists of sigmas and compares every state.
fn walks_like_k_diffusion(name: SamplerName, case: &str, settings: Settings) {
    let goldens = read("samplers.safetensors");
    for list in ["model.1", "karras.5", "model.20", "karras.20"] {
        let trajectory = doubles(&goldens[&format!("sigmas.{list}")]);
        let walked = walk(name, settings, &mut Analytic, [&goldens["start"], &goldens["noise"]], &trajectory);
        assert_eq!(walked.sigma.len(), trajectory.len() - 1, "the model is asked once a step");
        walked.assert_is(&goldens, &format!("{case}.{list}"), TOLERANCE);
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

/// The web UI hands churn, and the scale of its noise, to Euler alone.
#[test]
fn euler_a_knows_no_churn() {
    let churn = Churn { amount: 3.0, noise: 0.9, ..NO_CHURN };
    walks_like_k_diffusion(SamplerName::EulerA, "euler_a.eta_1", Settings { eta: None, churn });
}

#[test]
fn every_recorded_walk_is_compared() {
    let cases =
        ["euler.plain", "euler.churn", "euler.churn_window", "euler_a.eta_0", "euler_a.eta_half", "euler_a.eta_1"];
    for name in read("samplers.safetensors").keys() {
        let known = |case: &&str| name.strip_prefix(case).is_some_and(|rest| rest.starts_with('.'));
        let given = matches!(name.as_str(), "start" | "noise") || name.starts_with("sigmas.");
        assert!(given || cases.iter().any(known), "{name}");
    }
}

#[test]
fn the_models_sigmas_are_k_diffusions() {
    let goldens = read("samplers.safetensors");
    let schedule = NoiseSchedule::new(&ModelConfig::sd15().schedule);
    for steps in [1, 5, 20] {
        let expected = doubles(&goldens[&format!("sigmas.model.{steps}")]);
        let ours = model_sigmas(&schedule, steps);
        assert_eq!(ours.len(), expected.len());
        // The table is kept in f32 on both sides; its smallest values carry five digits.
        assert!(ours.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-4 * b), "{ours:?} {expected:?}");
    }
}
