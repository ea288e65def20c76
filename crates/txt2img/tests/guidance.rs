//! The whole denoising loop, network and guidance included, ends where diffusers' does. References:
//! `goldens/pipeline.safetensors`, recorded with diffusers on the tiny model.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::{BaseModel, ModelReference};
use protocol::SamplerName;
use txt2img::denoiser::GuidedUNet;
use txt2img::sampler::{Churn, Settings, StepNoise, Walk, sampler};

/// f32 outputs within 1e-4 relative, the bound of all network goldens; guidance of 7 multiplies what comes before it.
const TOLERANCE: f64 = 1e-4;

struct NoNoise;

impl StepNoise for NoNoise {
    fn next(&mut self) -> Tensor {
        Tensor::zeros([1, 4, 16, 16], (Kind::Float, Device::Cpu))
    }
}

fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tiny() -> BaseModel {
    let folder: PathBuf = manifest_dir().join("../model/tests/goldens/tiny");
    BaseModel::open(&ModelReference::Folder(folder)).unwrap()
}

fn assert_close(ours: &Tensor, expected: &Tensor, what: &str) {
    let error = f64::try_from((ours - expected).abs().max()).unwrap();
    let size = f64::try_from(expected.abs().max()).unwrap();
    assert!(error <= TOLERANCE * size, "{what}: {error} of {size}");
}

#[test]
fn guided_euler_ends_where_diffusers_does() {
    let path = manifest_dir().join("tests/goldens/pipeline.safetensors");
    let goldens: HashMap<String, Tensor> = Tensor::read_safetensors(path).unwrap().into_iter().collect();
    let base = tiny();
    let (device, kind) = (Device::Cpu, Kind::Float);
    let text = base.text_encoder(device, kind).unwrap();
    let (unet, vae, schedule) = (base.unet(device, kind).unwrap(), base.vae(device, kind).unwrap(), base.schedule());
    let encode = |name: &str| no_grad(|| text.forward(&goldens[name], kind));
    let mut guided = GuidedUNet::new(&unet, &schedule, &encode("negative_ids"), &encode("ids"), 7.0, kind);
    for steps in [4, 5] {
        let algorithm = sampler(SamplerName::Euler);
        let trajectory = algorithm.trajectory(&schedule, steps);
        let churn = Churn { amount: 0.0, sigma_min: 0.0, sigma_max: f64::INFINITY, noise: 1.0 };
        let mut walk = Walk {
            denoiser: &mut guided,
            noise: &mut NoNoise,
            trajectory: &trajectory,
            settings: Settings { eta: None, churn },
            on_step: &mut |_| {},
        };
        let x = algorithm.first_latents(&goldens["start"], &trajectory);
        let latents = algorithm.sample(&mut walk, x).unwrap();
        assert_close(&latents, &goldens[&format!("steps_{steps}.latents")].get(-1), "latents");
        if let Some(image) = goldens.get(&format!("steps_{steps}.image")) {
            assert_close(&no_grad(|| vae.decode(&latents)), image, "image");
        }
    }
}

#[test]
fn a_model_without_clips_vocabulary_is_refused_before_it_draws() {
    let refused = txt2img::Pipeline::load(&tiny(), Device::Cpu, engine::Precision::Fp32).unwrap_err();
    assert!(refused.to_string().contains("knows 400 tokens"), "{refused}");
}
