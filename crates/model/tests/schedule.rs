//! The noise schedule has the published numbers, and those of diffusers and k-diffusion.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Kind, Tensor};
use model::config::ScheduleConfig;
use model::{NoiseSchedule, PredictionType};
use support::{Tensors, assert_close, golden};

fn sd15() -> NoiseSchedule {
    NoiseSchedule::new(&ScheduleConfig::sd15())
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double)).unwrap()
}

#[test]
fn alphas_cumprod_are_the_published_ones() {
    let schedule = sd15();
    assert_eq!(schedule.num_train_timesteps(), 1000);
    // Rounding ᾱ to f32 moves 1 − ᾱ, and so the first ratios, by up to 6e-8.
    let check_values = [
        (0, 0.999_150_00, 1175.47),
        (1, 0.998_296_03, 585.864),
        (10, 0.990_431_31, 103.508),
        (50, 0.951_576_90, 19.6513),
        (100, 0.894_223_48, 8.453_89),
        (250, 0.673_792_63, 2.065_53),
        (500, 0.276_332_68, 0.381_85),
        (750, 0.056_169_85, 0.059_512_7),
        (900, 0.014_151_14, 0.014_354_3),
        (999, 0.004_660_10, 0.004_681_92),
    ];
    for (timestep, alpha, snr) in check_values {
        assert!((schedule.alphas_cumprod()[timestep] - alpha).abs() < 1e-7, "alphas_cumprod of {timestep}");
        assert!((schedule.snr(timestep as i64) / snr - 1.0).abs() < 1e-4, "signal to noise of {timestep}");
    }
    assert!(schedule.snr(146) > 5.0 && schedule.snr(147) < 5.0);
}

#[test]
fn sigmas_are_the_published_ones() {
    let schedule = sd15();
    assert!((schedule.sigmas()[0] - 0.029_167_2).abs() < 1e-6);
    assert!((schedule.sigmas()[999] - 14.6146).abs() < 1e-4);
    let published = [
        14.6146, 10.7468, 8.0815, 6.2049, 4.8557, 3.8654, 3.1238, 2.5572, 2.1157, 1.7648, 1.4806, 1.2458, 1.0481,
        0.8784, 0.7297, 0.5964, 0.4736, 0.3555, 0.2322, 0.0292,
    ];
    for (step, sigma) in published.iter().enumerate() {
        let t = 999.0 - 999.0 * step as f64 / 19.0;
        assert!((schedule.sigma_of_t(t) - sigma).abs() < 6e-5, "step {step}");
    }
}

#[test]
fn tables_are_those_of_diffusers_and_k_diffusion() {
    let schedule = sd15();
    let goldens = Tensors::read(&golden("schedule.safetensors"));
    let alphas = Tensor::from_slice(schedule.alphas_cumprod());
    assert_close("alphas_cumprod in double precision", &alphas, &goldens.get("alphas_cumprod_f64"), 1e-7);
    assert_close("alphas_cumprod of diffusers", &alphas, &goldens.get("alphas_cumprod"), 1e-6);
    assert_close("sigmas", &Tensor::from_slice(schedule.sigmas()), &goldens.get("sigmas"), 1e-6);

    let sigmas = numbers(&goldens.get("t_of_sigma.sigma"));
    let found: Vec<f64> = sigmas.iter().map(|&sigma| schedule.t_of_sigma(sigma)).collect();
    assert_close("t of sigma", &Tensor::from_slice(&found), &goldens.get("t_of_sigma.t"), 1e-6);
    let timesteps = numbers(&goldens.get("sigma_of_t.t"));
    let found: Vec<f64> = timesteps.iter().map(|&t| schedule.sigma_of_t(t)).collect();
    assert_close("sigma of t", &Tensor::from_slice(&found), &goldens.get("sigma_of_t.sigma"), 1e-6);
}

#[test]
fn noise_and_velocity_are_mixed_as_by_diffusers() {
    let schedule = sd15();
    let goldens = Tensors::read(&golden("schedule.safetensors"));
    let (latents, noise, timesteps) = (goldens.get("latents"), goldens.get("noise"), goldens.get("timesteps"));
    assert_close("noisy", &schedule.add_noise(&latents, &noise, &timesteps), &goldens.get("noisy"), 1e-6);
    assert_close("velocity", &schedule.velocity(&latents, &noise, &timesteps), &goldens.get("velocity"), 1e-6);
}

#[test]
fn the_target_is_what_the_model_predicts() {
    let goldens = Tensors::read(&golden("schedule.safetensors"));
    let (latents, noise, timesteps) = (goldens.get("latents"), goldens.get("noise"), goldens.get("timesteps"));
    assert!(sd15().target(&latents, &noise, &timesteps).equal(&noise));
    let config = ScheduleConfig { prediction_type: PredictionType::VPrediction, ..ScheduleConfig::sd15() };
    let target = NoiseSchedule::new(&config).target(&latents, &noise, &timesteps);
    assert_close("the target", &target, &goldens.get("velocity"), 1e-6);
}

#[test]
fn timesteps_and_sigmas_are_each_others_inverse_and_stay_in_the_table() {
    let schedule = sd15();
    for t in [0.0, 0.25, 1.0, 499.5, 998.75, 999.0] {
        assert!((schedule.t_of_sigma(schedule.sigma_of_t(t)) - t).abs() < 1e-9);
    }
    assert_eq!((schedule.t_of_sigma(0.0), schedule.t_of_sigma(1e9)), (0.0, 999.0));
    assert_eq!(schedule.sigma_of_t(-5.0), schedule.sigma_of_t(0.0));
    assert_eq!(schedule.sigma_of_t(2000.0), schedule.sigma_of_t(999.0));
}
