//! The whole denoising loop, network and guidance included, passes through the states that diffusers and k-diffusion pass
//! through. References: `goldens/pipeline.safetensors`, recorded with the tiny model.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::{BaseModel, ModelReference, NoiseSchedule, PredictionType, ScheduleConfig, UNet};
use protocol::{SamplerChoice, SamplerName, SchedulerName};
use support::walks::{Goldens, Recorded, Walked, assert_close, doubles, read, walk};
use txt2img::Trajectory;
use txt2img::denoiser::GuidedUNet;
use txt2img::sampler::{Churn, Denoiser, Settings};
use txt2img::schedule::ScheduleOptions;

/// Guidance of 7 multiplies the networks' rounding (3e-6 of their largest value) by up to 13; later steps carry it on. Two
/// processors' recordings differ by 4e-6 of the largest latent.
const TOLERANCE: f64 = 3e-5;

/// Read as v, the same answers make latents ten times smaller, and what the first steps rounded away stays: there two
/// processors' recordings differ by 4e-5.
const V_TOLERANCE: f64 = 1e-4;

/// `DiscreteSchedule` holds its sigmas in f32, and diffusers multiplies its alphas up in f32: five digits of the smallest.
const SIGMA_TOLERANCE: f64 = 1e-4;

fn trajectory(name: SamplerName, schedule: &NoiseSchedule, steps: u32) -> Trajectory {
    Trajectory::new(name.into(), schedule, steps, &ScheduleOptions::default())
}

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

    /// Walks from the recorded start with the recorded noise.
    fn walk(&self, name: SamplerName, settings: Settings, schedule: &NoiseSchedule, trajectory: &Trajectory) -> Walked {
        let mut noise = Recorded { noise: self.goldens["noise"].shallow_clone(), next: 0 };
        let x = trajectory.first_latents(&self.goldens["start"]);
        walk(name, settings, &mut self.guided(schedule), &mut noise, trajectory, x)
    }
}

#[test]
fn guided_euler_passes_through_every_state_of_diffusers() {
    let studio = Studio::open();
    let schedule = studio.base.schedule();
    for steps in [4, 5] {
        let recorded = |name: &str| &studio.goldens[&format!("steps_{steps}.{name}")];
        let trajectory = trajectory(SamplerName::Euler, &schedule, steps);
        let (points, sigmas) = (trajectory.points(), doubles(recorded("sigmas")));
        assert_eq!(points.len(), sigmas.len());
        for (ours, theirs) in points.iter().zip(&sigmas) {
            assert!((ours - theirs).abs() <= SIGMA_TOLERANCE * theirs, "{points:?} {sigmas:?}");
        }
        let timesteps: Vec<f64> = points[..steps as usize].iter().map(|&s| schedule.t_of_sigma(s)).collect();
        for (ours, theirs) in timesteps.iter().zip(doubles(recorded("timesteps"))) {
            assert!((ours - theirs).abs() <= 2e-3, "{timesteps:?}, {theirs}");
        }

        let plain = Settings::of(SamplerName::Euler.row());
        let walked = studio.walk(SamplerName::Euler, plain, &schedule, &trajectory);
        assert_eq!((walked.x.len(), walked.guided.len()), (steps as usize + 1, steps as usize));
        // `latents` are those after each step; before the first there is the scaled noise.
        assert_close("the start", &walked.x[0], &(&studio.goldens["start"] * sigmas[0]), TOLERANCE);
        for (step, (x, denoised)) in walked.x[1..].iter().zip(&walked.guided).enumerate() {
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
    let (name, trajectory) = (SamplerName::EulerA, trajectory(SamplerName::EulerA, &schedule, 5));
    let walked = studio.walk(name, Settings::of(name.row()), &schedule, &trajectory);
    walked.assert_is(&studio.goldens, "euler_a.epsilon", "sigma", TOLERANCE);
    walked.assert_heard(&studio.goldens, "euler_a.epsilon", TOLERANCE);
}

fn v_prediction() -> NoiseSchedule {
    NoiseSchedule::new(&ScheduleConfig { prediction_type: PredictionType::VPrediction, ..ScheduleConfig::sd15() })
}

#[test]
fn a_network_that_predicts_v_is_read_as_k_diffusion_reads_it() {
    let (studio, schedule) = (Studio::open(), v_prediction());
    let trajectory = trajectory(SamplerName::Euler, &schedule, 5);
    let settings = Settings { churn: Churn { amount: 1.0, ..Churn::NONE }, ..Settings::of(SamplerName::Euler.row()) };
    let walked = studio.walk(SamplerName::Euler, settings, &schedule, &trajectory);
    walked.assert_is(&studio.goldens, "euler.v", "sigma", V_TOLERANCE);
    walked.assert_heard(&studio.goldens, "euler.v", V_TOLERANCE);
}

#[test]
fn guided_samplers_of_every_family_pass_through_the_states_of_k_diffusion() {
    let (studio, goldens) = (Studio::open(), read("guided_walks.safetensors"));
    let (epsilon, v) = (studio.base.schedule(), v_prediction());
    for (case, name, schedule, spacing, steps) in [
        ("dpmpp_2m.epsilon", SamplerName::DpmPp2M, &epsilon, SchedulerName::Karras, 5),
        ("dpmpp_sde.epsilon", SamplerName::DpmPpSde, &epsilon, SchedulerName::Uniform, 3),
        ("dpmpp_3m_sde.epsilon", SamplerName::DpmPp3MSde, &epsilon, SchedulerName::Karras, 5),
        ("lms.epsilon", SamplerName::Lms, &epsilon, SchedulerName::Karras, 5),
        ("heun.v", SamplerName::Heun, &v, SchedulerName::Uniform, 3),
        ("dpmpp_2m.v", SamplerName::DpmPp2M, &v, SchedulerName::Karras, 5),
    ] {
        let list = SamplerChoice { sampler: SamplerName::Euler, scheduler: Some(spacing) };
        let trajectory = Trajectory::new(list, schedule, steps, &ScheduleOptions::default());
        let walked = studio.walk(name, Settings::of(name.row()), schedule, &trajectory);
        let tolerance = if case.ends_with(".v") { V_TOLERANCE } else { TOLERANCE };
        walked.assert_is(&goldens, case, "sigma", tolerance);
    }
}

/// For samplers that work with time steps: D = x − sigma·epsilon joins the two forms, with x scaled as in DDPM.
#[test]
fn the_two_questions_of_a_sampler_have_one_answer() {
    let studio = Studio::open();
    for prediction_type in [PredictionType::Epsilon, PredictionType::VPrediction] {
        let schedule = NoiseSchedule::new(&ScheduleConfig { prediction_type, ..ScheduleConfig::sd15() });
        let mut guided = studio.guided(&schedule);
        assert_eq!(guided.calls(), 0);
        for timestep in [0.0, 333.0, 999.0] {
            let sigma = schedule.sigma_of_t(timestep);
            let x = &studio.goldens["start"] * sigma;
            let scaled = &x / (sigma * sigma + 1.0).sqrt();
            let from_noise = &x - guided.predict_noise(&scaled, timestep).unwrap().guided * sigma;
            let clean = guided.denoise(&x, sigma).unwrap().guided;
            assert_close(&format!("{prediction_type:?} at {timestep}"), &from_noise, &clean, TOLERANCE);
        }
        assert_eq!(guided.calls(), 6, "each question is counted");
    }
}

#[test]
fn a_model_without_clips_vocabulary_is_refused_before_it_draws() {
    let refused = txt2img::Pipeline::load(&tiny(), Device::Cpu, engine::Precision::Fp32).unwrap_err();
    assert!(refused.to_string().contains("knows 400 tokens"), "{refused}");
}
