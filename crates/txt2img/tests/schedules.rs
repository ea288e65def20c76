//! Every noise schedule gives the sigmas of k-diffusion, or of the published formula. References:
//! `goldens/schedules.safetensors`, in float64; the numbers of twenty steps are the web UI's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use protocol::{SamplerChoice, SamplerName, SchedulerName};
use support::walks::{doubles, read, sd15};
use txt2img::Trajectory;
use txt2img::schedule::ScheduleOptions;

/// Both sides compute in float64 from the same table, but for k-diffusion's time steps, which it rounds to f32.
const TOLERANCE: f64 = 1e-6;

const PLAIN: ScheduleOptions = ScheduleOptions {
    discards_penultimate: false,
    old_karras_range: false,
    rho: None,
    sigma_min: None,
    sigma_max: None,
};

fn list(sampler: SamplerName, scheduler: Option<SchedulerName>, steps: u32, options: &ScheduleOptions) -> Vec<f64> {
    Trajectory::new(SamplerChoice { sampler, scheduler }, &sd15(), steps, options).points().to_vec()
}

fn euler(scheduler: SchedulerName, steps: u32, options: &ScheduleOptions) -> Vec<f64> {
    list(SamplerName::Euler, Some(scheduler), steps, options)
}

#[track_caller]
fn assert_near(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    let near = |(found, expected): (&f64, &f64)| (found - expected).abs() <= tolerance * expected.abs().max(1e-3);
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(near),
        "{what}: {found:?}, not {expected:?}"
    );
}

#[test]
fn every_schedule_is_its_reference() {
    let goldens = read("schedules.safetensors");
    for &scheduler in SchedulerName::ALL.iter().filter(|scheduler| **scheduler != SchedulerName::Automatic) {
        for steps in [1, 2, 5, 10, 20, 30] {
            if (scheduler, steps) == (SchedulerName::AlignYourSteps, 1) {
                // The published interpolation would begin its one step at the lowest sigma.
                assert_near("one step", &euler(scheduler, 1, &PLAIN), &[14.615, 0.0], TOLERANCE);
                continue;
            }
            let expected = doubles(&goldens[&format!("{scheduler}.{steps}")]);
            assert_near(&format!("{scheduler}.{steps}"), &euler(scheduler, steps, &PLAIN), &expected, TOLERANCE);
        }
    }
}

#[test]
fn options_bend_the_schedules_that_they_act_on() {
    let goldens = read("schedules.safetensors");
    let recorded = |name: &str| doubles(&goldens[name]);
    let rho = ScheduleOptions { rho: Some(5.0), ..PLAIN };
    let old = ScheduleOptions { old_karras_range: true, ..PLAIN };
    assert_near("rho", &euler(SchedulerName::Karras, 10, &rho), &recorded("Karras.rho_5.10"), TOLERANCE);
    let polynomial = euler(SchedulerName::Polyexponential, 10, &rho);
    assert_near("rho", &polynomial, &recorded("Polyexponential.rho_5.10"), TOLERANCE);
    assert_eq!(euler(SchedulerName::Exponential, 10, &rho), euler(SchedulerName::Exponential, 10, &PLAIN));
    assert_near("old", &euler(SchedulerName::Karras, 10, &old), &recorded("Karras.old.10"), TOLERANCE);

    let range = ScheduleOptions { sigma_min: Some(0.1), sigma_max: Some(10.0), ..PLAIN };
    assert_near("range", &euler(SchedulerName::Karras, 10, &range), &recorded("Karras.old.10"), TOLERANCE);
    let automatic = |options| list(SamplerName::DpmPp2M, None, 10, options);
    assert_eq!(automatic(&range), automatic(&PLAIN), "a range acts on no automatic schedule");
    let turned = ScheduleOptions { sigma_min: Some(20.0), ..PLAIN };
    assert_eq!(euler(SchedulerName::Karras, 10, &turned), euler(SchedulerName::Karras, 10, &PLAIN));
}

#[test]
fn the_penultimate_sigma_is_left_out_where_the_sampler_or_the_option_says_so() {
    let goldens = read("schedules.safetensors");
    let mut karras = doubles(&goldens["Karras.10"]);
    karras.remove(9);
    assert_near("DPM2", &list(SamplerName::Dpm2, None, 9, &PLAIN), &karras, TOLERANCE);
    let discards = ScheduleOptions { discards_penultimate: true, ..PLAIN };
    assert_near("the option", &euler(SchedulerName::Karras, 9, &discards), &karras, TOLERANCE);
    assert_near("once", &list(SamplerName::Dpm2, None, 9, &discards), &karras, TOLERANCE);
}

#[test]
fn twenty_steps_are_those_that_users_of_the_web_ui_see() {
    let uniform = [
        14.6146, 10.7468, 8.0815, 6.2049, 4.8557, 3.8654, 3.1238, 2.5572, 2.1157, 1.7648, 1.4806, 1.2458, 1.0481,
        0.8784, 0.7297, 0.5964, 0.4736, 0.3555, 0.2322, 0.0292, 0.0,
    ];
    let karras = [
        14.6146, 11.7254, 9.3402, 7.3836, 5.7894, 4.4998, 3.4647, 2.6408, 1.9909, 1.4832, 1.0908, 0.7909, 0.5647,
        0.3964, 0.2730, 0.1842, 0.1213, 0.0779, 0.0485, 0.0292, 0.0,
    ];
    for (sampler, published) in [(SamplerName::Euler, uniform), (SamplerName::DpmPp2M, karras)] {
        let found = list(sampler, None, 20, &PLAIN);
        assert!(found.iter().zip(published).all(|(found, published)| (found - published).abs() < 6e-5), "{found:?}");
    }
    assert!(list(SamplerName::DpmPp3MSde, None, 20, &PLAIN)[1] > 10.5, "exponential, of 21 steps");
}

#[test]
fn time_step_samplers_walk_ddims_list_whatever_the_schedule() {
    let ddim = |steps| list(SamplerName::Ddim, Some(SchedulerName::Karras), steps, &PLAIN);
    let twenty: Vec<f64> = (0..20).rev().map(|index| f64::from(index * 50 + 1)).collect();
    assert_eq!(ddim(20), twenty);
    assert_eq!((ddim(30).len(), ddim(30)[0]), (31, 991.0));
    assert_eq!(ddim(3), [999.0, 667.0, 334.0, 1.0], "no step lies beyond the training's");
    assert_eq!(list(SamplerName::Plms, None, 7, &PLAIN), ddim(7));
    let times = list(SamplerName::UniPc, None, 20, &PLAIN);
    assert_eq!((times.len(), times[0]), (21, 1.0));
    assert_near("its end", &times[20..], &[0.001], TOLERANCE);
}

#[test]
fn samplers_with_steps_of_their_own_ignore_the_schedule() {
    for sampler in [SamplerName::DpmFast, SamplerName::DpmAdaptive] {
        assert_eq!(list(sampler, Some(SchedulerName::Beta), 9, &PLAIN), list(sampler, None, 9, &PLAIN));
        let of = |steps| Trajectory::new(sampler.into(), &sd15(), steps, &PLAIN).span();
        assert_near("one step", &of(1), &of(9), TOLERANCE);
    }
}

#[test]
fn a_tail_begins_later_and_keeps_the_brownian_interval() {
    let whole = Trajectory::new(SamplerName::DpmPpSde.into(), &sd15(), 10, &PLAIN);
    let tail = whole.tail(6);
    assert_eq!(tail.points(), &whole.points()[6..]);
    assert_eq!((tail.steps(), tail.interval()), (4, whole.interval()));
    assert_eq!(tail.span(), [whole.points()[6], whole.points()[9]]);
    assert_eq!(whole.tail(99).steps(), 0);
}
