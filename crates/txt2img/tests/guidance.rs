//! The whole denoising loop, network and guidance included, passes through the states that diffusers and k-diffusion pass
//! through. References: `goldens/pipeline.safetensors`, recorded with the tiny model.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::{BaseModel, ModelReference, NoiseSchedule, PredictionType, ScheduleConfig, UNet};
use protocol::SamplerName;
use support::walks::{Goldens, NO_CHURN, assert_close, doubles, read, walk};
use txt2img::denoiser::GuidedUNet;
use txt2img::sampler::{Churn, Denoiser, Settings, sampler};

/// Guidance of 7 multiplies the networks' rounding (3e-6 of their largest value) by up to 13; later steps carry it on. Two
/// processors' recordings differ by 4e-6 of the largest latent.
const TOLERANCE: f64 = 3e-5;

/// Read as v, the same answers make latents ten times smaller, and what the first steps rounded away stays: there two
/// processors' recordings differ by 4e-5.
const V_TOLERANCE: f64 = 1e-4;

/// `DiscreteSchedule` holds its sigmas in f32, and diffusers multiplies its alphas up in f32: five digits of the smallest.
const SIGMA_TOLERANCE: f64 = 1e-4;

const PLAIN: Settings = Settings { eta: None, churn: NO_CHURN };

fn tiny() -> BaseModel {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/goldens/tiny");
    BaseModel::open(&ModelReference::Folder(folder)).unwrap()
}

/// The tiny model and the states of the recorded prompts, the negative one first.
struct Studio {
    base: BaseModel,
    unet: UNet,
    contexts: [Tensor; 2],
    goldens: Goldens,
}

impl Studio {
    fn open() -> Self {
        let (base, goldens) = (tiny(), read("pipeline.safetensors"));
        let text = base.text_encoder(Device::Cpu, Kind::Float).unwrap();
        let contexts = ["negative_ids", "ids"].map(|name| no_grad(|| text.forward(&goldens[name], Kind::Float)));
        let unet = base.unet(Device::Cpu, Kind::Float).unwrap();
        Self { base, unet, contexts, goldens }
    }

    fn guided<'a>(&'a self, schedule: &'a NoiseSchedule) -> GuidedUNet<'a> {
        let [negative, positive] = &self.contexts;
        GuidedUNet::new(&self.unet, schedule, negative, positive, 7.0, Kind::Float)
    }

    /// What the samplers start from and add.
    fn noises(&self) -> [&Tensor; 2] {
        [&self.goldens["start"], &self.goldens["noise"]]
    }
}

#[test]
fn guided_euler_passes_through_every_state_of_diffusers() {
    let studio = Studio::open();
    let schedule = studio.base.schedule();
    for steps in [4, 5] {
        let recorded = |name: &str| &studio.goldens[&format!("steps_{steps}.{name}")];
        let trajectory = sampler(SamplerName::Euler).trajectory(&schedule, steps);
        let sigmas = doubles(recorded("sigmas"));
        assert_eq!(trajectory.len(), sigmas.len());
        for (ours, theirs) in trajectory.iter().zip(&sigmas) {
            assert!((ours - theirs).abs() <= SIGMA_TOLERANCE * theirs, "{trajectory:?} {sigmas:?}");
        }
        let timesteps: Vec<f64> = trajectory[..steps as usize].iter().map(|&s| schedule.t_of_sigma(s)).collect();
        for (ours, theirs) in timesteps.iter().zip(doubles(recorded("timesteps"))) {
            assert!((ours - theirs).abs() <= 2e-3, "{timesteps:?}, {theirs}");
        }

        let walked = walk(SamplerName::Euler, PLAIN, &mut studio.guided(&schedule), studio.noises(), &trajectory);
        assert_eq!((walked.x.len(), walked.denoised.len()), (steps as usize + 1, steps as usize));
        // `latents` are those after each step; before the first there is the scaled noise.
        assert_close("the start", &walked.x[0], &(&studio.goldens["start"] * sigmas[0]), TOLERANCE);
        for (step, (x, denoised)) in walked.x[1..].iter().zip(&walked.denoised).enumerate() {
            let at = |name: &str| recorded(name).get(step as i64);
            assert_close(&format!("latents after step {step} of {steps}"), x, &at("latents"), TOLERANCE);
            assert_close(&format!("clean latents of step {step} of {steps}"), denoised, &at("denoised"), TOLERANCE);
        }
        if let Some(image) = studio.goldens.get(&format!("steps_{steps}.image")) {
            let vae = studio.base.vae(Device::Cpu, Kind::Float).unwrap();
            assert_close("the image", &no_grad(|| vae.decode(&walked.x[steps as usize])), image, TOLERANCE);
        }
    }
}

#[test]
fn guided_euler_a_passes_through_every_state_of_k_diffusion() {
    let studio = Studio::open();
    let schedule = studio.base.schedule();
    let trajectory = sampler(SamplerName::EulerA).trajectory(&schedule, 5);
    let walked = walk(SamplerName::EulerA, PLAIN, &mut studio.guided(&schedule), studio.noises(), &trajectory);
    walked.assert_is(&studio.goldens, "euler_a.epsilon", TOLERANCE);
}

#[test]
fn a_network_that_predicts_v_is_read_as_k_diffusion_reads_it() {
    let studio = Studio::open();
    let config = ScheduleConfig { prediction_type: PredictionType::VPrediction, ..ScheduleConfig::sd15() };
    let schedule = NoiseSchedule::new(&config);
    let trajectory = sampler(SamplerName::Euler).trajectory(&schedule, 5);
    let settings = Settings { churn: Churn { amount: 1.0, ..NO_CHURN }, ..PLAIN };
    let walked = walk(SamplerName::Euler, settings, &mut studio.guided(&schedule), studio.noises(), &trajectory);
    walked.assert_is(&studio.goldens, "euler.v", V_TOLERANCE);
}

/// For samplers that work with time steps: D = x − sigma·epsilon joins the two forms, with x scaled as in DDPM.
#[test]
fn the_two_questions_of_a_sampler_have_one_answer() {
    let studio = Studio::open();
    for prediction_type in [PredictionType::Epsilon, PredictionType::VPrediction] {
        let schedule = NoiseSchedule::new(&ScheduleConfig { prediction_type, ..ScheduleConfig::sd15() });
        let mut guided = studio.guided(&schedule);
        for timestep in [0.0, 333.0, 999.0] {
            let sigma = schedule.sigma_of_t(timestep);
            let x = &studio.goldens["start"] * sigma;
            let scaled = &x / (sigma * sigma + 1.0).sqrt();
            let from_noise = &x - guided.predict_noise(&scaled, timestep).unwrap() * sigma;
            let clean = guided.denoise(&x, sigma).unwrap();
            assert_close(&format!("{prediction_type:?} at {timestep}"), &from_noise, &clean, TOLERANCE);
        }
    }
}

#[test]
fn a_model_without_clips_vocabulary_is_refused_before_it_draws() {
    let refused = txt2img::Pipeline::load(&tiny(), Device::Cpu, engine::Precision::Fp32).unwrap_err();
    assert!(refused.to_string().contains("knows 400 tokens"), "{refused}");
}
