//! Every sampler asks its model what the reference asks, state for state. References: `goldens/walks.safetensors`, recorded
//! in float64 with k-diffusion, or diffusers where it has no such sampler, over data whose denoiser is known.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Device, Kind, Tensor};
use model::{NoiseSchedule, ScheduleConfig};
use protocol::sampler::Walks;
use protocol::{NoiseSource, SamplerName};
use support::walks::{CENTRE, Goldens, Mixture, Recorded, assert_close, doubles, read, sd15, walk};
use txt2img::Trajectory;
use txt2img::noise::{ImageNoise, NoiseOptions};
use txt2img::sampler::{Churn, Settings, Walk, algorithm};
use txt2img::schedule::ScheduleOptions;

/// f32 against float64 along up to forty steps; of the largest number of a state, at least 1.
const TOLERANCE: f64 = 1e-5;

/// Steps of third order over two units of ln sigma subtract noises of the size of sigma from each other.
const FAST_TOLERANCE: f64 = 3e-5;

/// The first steps of an adaptive walk are so short that f32 leaves three digits of the error that chooses the next ones:
/// they end a little elsewhere (measured: 4e-3 of a sigma).
const ADAPTIVE_TOLERANCE: f64 = 1e-2;

fn settings(name: SamplerName, case: &str) -> Settings {
    let plain = Settings::of(name.row());
    match case {
        "plain" => plain,
        "churn" => Settings { churn: Churn { amount: 3.0, ..Churn::NONE }, ..plain },
        "churn_window" => {
            Settings { churn: Churn { amount: 10.0, sigma_min: 0.5, sigma_max: 8.0 }, s_noise: 1.1, ..plain }
        }
        "eta_0" => Settings { eta: 0.0, ..plain },
        "eta_half" => Settings { eta: 0.5, ..plain },
        "eta" => Settings { eta: 1.0, ..plain },
        "s_noise" => Settings { eta: 0.7, s_noise: 0.9, ..plain },
        other => panic!("{other} is no recorded case"),
    }
}

fn trajectory(name: SamplerName, steps: u32) -> Trajectory {
    Trajectory::new(name.into(), &sd15(), steps, &ScheduleOptions::default())
}

/// The recorded cases of a sampler, as `options.list`.
fn cases(goldens: &Goldens, name: SamplerName) -> Vec<&str> {
    let prefix = format!("{name}/");
    goldens.keys().filter_map(|key| key.strip_prefix(&prefix)?.strip_suffix(".x")).collect()
}

/// Walks every recorded case of a sampler and compares every state.
fn follows(name: SamplerName, tolerance: f64) {
    let (goldens, schedule) = (read("walks.safetensors"), sd15());
    let cases = cases(&goldens, name);
    assert!(!cases.is_empty(), "{name}");
    for case in cases {
        let (options, list) = case.split_once('.').unwrap();
        let trajectory = match goldens.get(&format!("sigmas.{list}")) {
            Some(sigmas) => Trajectory::of_sigmas(doubles(sigmas)),
            None => trajectory(name, list.parse().unwrap()),
        };
        let mut noise = Recorded { noise: goldens["noise"].shallow_clone(), next: 0 };
        let mut model = Mixture { schedule: &schedule, calls: 0 };
        let x = trajectory.first_latents(&goldens["start"]);
        let walked = walk(name, settings(name, options), &mut model, &mut noise, &trajectory, x);
        walked.assert_is(&goldens, &format!("{name}/{case}"), "at", tolerance);
    }
}

macro_rules! each_follows {
    ($($test:ident: $name:ident, $tolerance:expr;)+) => {
        $(
            #[test]
            fn $test() {
                follows(SamplerName::$name, $tolerance);
            }
        )+

        #[test]
        fn every_sampler_is_followed() {
            let followed = [$(SamplerName::$name),+];
            assert!(SamplerName::ALL.iter().all(|name| followed.contains(name)));
        }
    };
}

each_follows! {
    euler_follows_k_diffusion: Euler, TOLERANCE;
    euler_a_follows_k_diffusion: EulerA, TOLERANCE;
    lms_follows_k_diffusion: Lms, TOLERANCE;
    heun_follows_k_diffusion: Heun, TOLERANCE;
    dpm2_follows_k_diffusion: Dpm2, TOLERANCE;
    dpm2_a_follows_k_diffusion: Dpm2A, TOLERANCE;
    dpm_pp_2s_a_follows_k_diffusion: DpmPp2SA, TOLERANCE;
    dpm_pp_2m_follows_k_diffusion: DpmPp2M, TOLERANCE;
    dpm_pp_sde_follows_k_diffusion: DpmPpSde, TOLERANCE;
    dpm_pp_2m_sde_follows_k_diffusion: DpmPp2MSde, TOLERANCE;
    dpm_pp_2m_sde_heun_follows_k_diffusion: DpmPp2MSdeHeun, TOLERANCE;
    dpm_pp_3m_sde_follows_k_diffusion: DpmPp3MSde, TOLERANCE;
    dpm_fast_follows_k_diffusion: DpmFast, FAST_TOLERANCE;
    dpm_adaptive_follows_k_diffusion: DpmAdaptive, ADAPTIVE_TOLERANCE;
    restart_follows_k_diffusions_heun_steps: Restart, TOLERANCE;
    lcm_follows_diffusers: Lcm, TOLERANCE;
    ddim_follows_diffusers: Ddim, TOLERANCE;
    ddim_cfg_pp_follows_two_ddims_of_diffusers: DdimCfgPp, TOLERANCE;
    plms_follows_diffusers: Plms, TOLERANCE;
    uni_pc_follows_diffusers: UniPc, TOLERANCE;
}

/// k-diffusion computes its sigmas in f32: a time that is rounded to another millionth moves the path by a thousandth.
const TREE_TOLERANCE: f64 = 1e-2;

#[test]
fn stochastic_walks_along_a_brownian_path_end_where_k_diffusion_does() {
    let (goldens, schedule) = (read("brownian.safetensors"), sd15());
    let trajectory = Trajectory::of_sigmas(doubles(&goldens["walk.sigmas"]));
    for (name, end) in [
        (SamplerName::DpmPpSde, "walk.dpmpp_sde"),
        (SamplerName::DpmPp2MSde, "walk.dpmpp_2m_sde"),
        (SamplerName::DpmPp3MSde, "walk.dpmpp_3m_sde"),
    ] {
        let options = NoiseOptions { source: NoiseSource::Cpu, seed_delta: 0 };
        let (_, mut noise) =
            ImageNoise::begin(&[7, 4_294_967_295], [4, 3, 3], Device::Cpu, options, trajectory.interval());
        let mut model = Mixture { schedule: &schedule, calls: 0 };
        let x = trajectory.first_latents(&goldens["walk.start"]);
        let walked = walk(name, Settings::of(name.row()), &mut model, &mut noise, &trajectory, x);
        assert_close(end, &walked.x[walked.x.len() - 1], &goldens[end], TREE_TOLERANCE);
    }
}

/// The web UI hands churn to three samplers, and the scale of noise to those that the table marks.
#[test]
fn settings_act_only_where_the_table_says() {
    let (goldens, schedule) = (read("walks.safetensors"), sd15());
    for &name in SamplerName::ALL {
        let plain = Settings::of(name.row());
        let end = |settings: Settings| {
            let mut noise = Recorded { noise: goldens["noise"].shallow_clone(), next: 0 };
            // Twenty steps, so that Restart restarts.
            let trajectory = trajectory(name, 20);
            let x = trajectory.first_latents(&goldens["start"]);
            let mut model = Mixture { schedule: &schedule, calls: 0 };
            walk(name, settings, &mut model, &mut noise, &trajectory, x).x.pop().unwrap()
        };
        let usual = end(plain);
        let churn = Churn { amount: 5.0, ..Churn::NONE };
        assert_eq!(end(Settings { churn, ..plain }).equal(&usual), !name.row().churn, "{name}: churn");
        let scaled = if name.row().churn { Settings { churn, ..plain } } else { plain };
        let same = end(Settings { s_noise: 0.8, ..scaled }).equal(&end(scaled));
        assert_eq!(same, !name.row().s_noise, "{name}: s_noise");
        let other_eta = Settings { eta: 0.3, ..plain };
        assert_eq!(end(other_eta).equal(&usual), name.row().eta.is_none(), "{name}: eta");
    }
}

#[test]
fn a_model_is_asked_as_often_as_the_table_says() {
    let schedule = sd15();
    for &name in SamplerName::ALL.iter().filter(|name| **name != SamplerName::DpmAdaptive) {
        let trajectory = trajectory(name, 12);
        let mut noise = Recorded { noise: Tensor::zeros([40, 1, 4, 3, 3], (Kind::Float, Device::Cpu)), next: 0 };
        let mut model = Mixture { schedule: &schedule, calls: 0 };
        let x = trajectory.first_latents(&noise.noise.get(0));
        walk(name, Settings::of(name.row()), &mut model, &mut noise, &trajectory, x);
        let expected = trajectory.steps() * usize::from(name.row().evaluations);
        // A last step to 0 asks once, and PLMS's first twice.
        assert!(model.calls.abs_diff(expected) <= 1, "{name}: {}, not about {expected}", model.calls);
    }
}

/// What looks at no earlier step, and at no noise but the path's, goes on from a tail to the bit.
#[test]
fn a_walk_goes_on_from_a_tail_of_its_trajectory() {
    let schedule = sd15();
    let single_step = [
        SamplerName::Euler,
        SamplerName::EulerA,
        SamplerName::Heun,
        SamplerName::Dpm2,
        SamplerName::Dpm2A,
        SamplerName::DpmPp2SA,
        SamplerName::DpmPpSde,
        SamplerName::Ddim,
        SamplerName::DdimCfgPp,
    ];
    for name in single_step {
        let plain = Settings::of(name.row());
        // The Brownian path alone is the same wherever a walk begins.
        let settings = if name == SamplerName::DpmPpSde { plain } else { Settings { eta: 0.0, ..plain } };
        let whole = trajectory(name, 9);
        let begin = || ImageNoise::begin(&[3], [4, 3, 3], Device::Cpu, NoiseOptions::default(), whole.interval());
        let walk_along = |trajectory: &Trajectory, x: Tensor| {
            let mut model = Mixture { schedule: &schedule, calls: 0 };
            walk(name, settings, &mut model, &mut begin().1, trajectory, x)
        };
        let walked = walk_along(&whole, whole.first_latents(&begin().0));
        let asked = 5 * usize::from(name.row().evaluations);
        let rest = walk_along(&whole.tail(5), walked.x[asked].shallow_clone());
        assert!(rest.x[rest.x.len() - 1].equal(&walked.x[walked.x.len() - 1]), "{name}");
    }
}

/// From any place of its trajectory, a walk ends near the data.
#[test]
fn every_sampler_walks_a_tail_to_the_data() {
    let schedule = sd15();
    for &name in SamplerName::ALL {
        let tail = trajectory(name, 24).tail(10);
        let (first, mut noise) =
            ImageNoise::begin(&[3], [4, 3, 3], Device::Cpu, NoiseOptions::default(), tail.interval());
        let data = first.sign() * CENTRE;
        let [high, _] = tail.span();
        let x = match high {
            sigma if !(name.row().walks == Walks::TimeSteps || sigma <= 1.0) => &data + first * sigma,
            // In time steps x is scaled as in DDPM; half-way down the signal is still weak.
            _ => &data * 0.4 + first * 0.9,
        };
        let mut model = Mixture { schedule: &schedule, calls: 0 };
        let end = walk(name, Settings::of(name.row()), &mut model, &mut noise, &tail, x).x.pop().unwrap();
        let distance = (end.abs() - CENTRE).abs().mean(Kind::Float);
        // The data's own deviation is 0.5.
        assert!(distance.double_value(&[]) < 0.8, "{name}: {distance}");
    }
}

#[test]
fn a_walk_of_no_steps_changes_nothing() {
    let (schedule, start) = (sd15(), &read("walks.safetensors")["start"]);
    for &name in SamplerName::ALL {
        let mut noise = Recorded { noise: start.unsqueeze(0), next: 0 };
        let mut model = Mixture { schedule: &schedule, calls: 0 };
        let end = trajectory(name, 5).tail(usize::MAX);
        let walked = walk(name, Settings::of(name.row()), &mut model, &mut noise, &end, start.shallow_clone());
        assert!(walked.x[0].equal(start) && walked.at.is_empty(), "{name}");
    }
}

/// A model's file may name any number of time steps from 2 on.
#[test]
fn a_model_of_few_time_steps_is_walked_without_a_panic() {
    let start = &read("walks.safetensors")["start"];
    for count in [2, 3, 19] {
        let schedule = NoiseSchedule::new(&ScheduleConfig { num_train_timesteps: count, ..ScheduleConfig::sd15() });
        for &name in SamplerName::ALL {
            for steps in [1, 3, 40] {
                let trajectory = Trajectory::new(name.into(), &schedule, steps, &ScheduleOptions::default());
                let mut walk = Walk {
                    denoiser: &mut Mixture { schedule: &schedule, calls: 0 },
                    noise: &mut Recorded {
                        noise: Tensor::zeros([2000, 1, 4, 3, 3], (Kind::Float, Device::Cpu)),
                        next: 0,
                    },
                    trajectory: &trajectory,
                    schedule: &schedule,
                    settings: Settings::of(name.row()),
                    on_step: &mut |_| {},
                };
                // An error is fine: such a schedule may leave a sampler nothing to divide by.
                _ = algorithm(name)(&mut walk, trajectory.first_latents(start));
            }
        }
    }
}

#[test]
fn an_adaptive_walk_without_numbers_ends_with_an_error() {
    let schedule = sd15();
    let name = SamplerName::DpmAdaptive;
    let trajectory = trajectory(name, 5);
    let x = Tensor::full([1, 4, 3, 3], f64::NAN, (Kind::Float, Device::Cpu));
    let mut walk = Walk {
        denoiser: &mut Mixture { schedule: &schedule, calls: 0 },
        noise: &mut Recorded { noise: Tensor::zeros([1, 1, 4, 3, 3], (Kind::Float, Device::Cpu)), next: 0 },
        trajectory: &trajectory,
        schedule: &schedule,
        settings: Settings::of(name.row()),
        on_step: &mut |_| {},
    };
    assert!(algorithm(name)(&mut walk, x).is_err());
}

#[test]
fn the_recorded_start_is_what_a_walk_along_sigmas_scales() {
    let start = &read("walks.safetensors")["start"];
    assert_close("sigmas", &Trajectory::of_sigmas(vec![2.0, 0.0]).first_latents(start), &(start * 2.0), 0.0);
    assert_close("time steps", &trajectory(SamplerName::Ddim, 5).first_latents(start), start, 0.0);
}
