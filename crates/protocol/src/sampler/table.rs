//! One row for each sampler.

use super::SamplerName;
use crate::SchedulerName;

/// What is known of a sampler. Name and aliases stand in [`SamplerName`], the algorithm under the same name in the txt2img
/// crate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplerRow {
    /// The sampler.
    pub name: SamplerName,
    /// What [`SchedulerName::Automatic`] means.
    pub preferred: SchedulerName,
    /// Order of accuracy in the step.
    pub order: u8,
    /// Evaluations of the UNet a step, but for first and last ones. Prompt schedules count these.
    pub evaluations: u8,
    /// Whether its list of sigmas is made one longer and its smallest positive one left out.
    pub discards_penultimate: bool,
    /// What fresh noise it asks for.
    pub noise: SamplerNoise,
    /// What it walks through.
    pub walks: Walks,
    /// The default of `eta`; `None` where `eta` does nothing.
    pub eta: Option<f64>,
    /// Whether `s_churn`, `s_tmin` and `s_tmax` act.
    pub churn: bool,
    /// Whether `s_noise` acts; with `churn`, on the churn's noise.
    pub s_noise: bool,
    /// Fewest steps that denoise at all.
    pub steps_min: u32,
    /// Whether it looks at all images of a batch to choose a step, so that each must walk alone.
    pub alone: bool,
}

/// When a sampler asks for fresh noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamplerNoise {
    /// Never.
    Never,
    /// At each step, for the churn; whether it is used or not.
    Churn,
    /// Behind each step that is not the last.
    Ancestral,
    /// Increments of one Brownian path between two sigmas.
    Brownian,
    /// At each step, whether it is used or not.
    EachStep,
    /// Where it goes back up.
    Restarts,
}

/// What a sampler walks through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walks {
    /// A list of sigmas, which the schedule spaces.
    Sigmas,
    /// From the highest sigma to the lowest positive one in steps of its own; it ignores the schedule.
    SigmaSpan,
    /// The list of sigmas of a model with 50 levels.
    ReducedSigmas,
    /// Time steps of the training, DDIM's list; it ignores the schedule.
    TimeSteps,
    /// A time from 1 to 0.001, evenly; it ignores the schedule.
    Time,
}

impl SamplerRow {
    /// Whether `eta_noise_seed_delta` changes its noise: a Brownian path follows the image's seed alone.
    pub fn takes_noise_seed_delta(&self) -> bool {
        !matches!(self.noise, SamplerNoise::Never | SamplerNoise::Brownian)
    }

    /// Whether the schedule spaces its steps.
    pub fn takes_schedule(&self) -> bool {
        matches!(self.walks, Walks::Sigmas | Walks::ReducedSigmas)
    }
}

/// The table in the README's Markdown.
pub fn markdown_table() -> String {
    let mut table = String::from(
        "| sampler | aliases | automatic schedule | order | evaluations a step | eta | also act | fewest steps | |\n\
         |---|---|---|--:|--:|--:|---|--:|---|\n",
    );
    for row in &SAMPLERS {
        let aliases: Vec<String> = row.name.aliases().iter().map(|alias| format!("`{alias}`")).collect();
        let schedule = if row.takes_schedule() { row.preferred.as_str() } else { "its own" };
        let eta = row.eta.map_or_else(String::new, |eta| eta.to_string());
        let act = match (row.churn, row.s_noise) {
            (true, true) => "`s_churn`, `s_tmin`, `s_tmax`, `s_noise`",
            (true, false) => "`s_churn`, `s_tmin`, `s_tmax`",
            (false, true) => "`s_noise`",
            (false, false) => "",
        };
        table += &format!(
            "| {} | {} | {schedule} | {} | {} | {eta} | {act} | {} | {} |\n",
            row.name,
            aliases.join(", "),
            row.order,
            row.evaluations,
            row.steps_min,
            row.name.doc()
        );
    }
    table
}

/// First order, one evaluation, a list of sigmas spaced by the model, no noise and no settings.
const PLAIN: SamplerRow = SamplerRow {
    name: SamplerName::Euler,
    preferred: SchedulerName::Uniform,
    order: 1,
    evaluations: 1,
    discards_penultimate: false,
    noise: SamplerNoise::Never,
    walks: Walks::Sigmas,
    eta: None,
    churn: false,
    s_noise: false,
    steps_min: 1,
    alone: false,
};
const CHURNED: SamplerRow = SamplerRow { noise: SamplerNoise::Churn, churn: true, s_noise: true, ..PLAIN };
const ANCESTRAL: SamplerRow = SamplerRow { noise: SamplerNoise::Ancestral, eta: Some(1.0), s_noise: true, ..PLAIN };
const STOCHASTIC: SamplerRow = SamplerRow {
    preferred: SchedulerName::Exponential,
    order: 2,
    noise: SamplerNoise::Brownian,
    eta: Some(1.0),
    s_noise: true,
    ..PLAIN
};
/// DDIM's list ends at its first entry, so a list of one is no walk.
const IN_TIME_STEPS: SamplerRow = SamplerRow { walks: Walks::TimeSteps, steps_min: 2, ..PLAIN };
const IMPLICIT: SamplerRow = SamplerRow { noise: SamplerNoise::EachStep, eta: Some(0.0), ..IN_TIME_STEPS };

/// The table, in the order of the names.
pub(super) const SAMPLERS: [SamplerRow; SamplerName::ALL.len()] = {
    use SamplerName::{
        Ddim, DdimCfgPp, Dpm2, Dpm2A, DpmAdaptive, DpmFast, DpmPp2M, DpmPp2MSde, DpmPp2MSdeHeun, DpmPp2SA, DpmPp3MSde,
        DpmPpSde, Euler, EulerA, Heun, Lcm, Lms, Plms, Restart, UniPc,
    };
    use SchedulerName::Karras;
    [
        SamplerRow { name: DpmPp2M, preferred: Karras, order: 2, ..PLAIN },
        SamplerRow { name: DpmPpSde, preferred: Karras, evaluations: 2, ..STOCHASTIC },
        SamplerRow { name: DpmPp2MSde, ..STOCHASTIC },
        SamplerRow { name: DpmPp2MSdeHeun, ..STOCHASTIC },
        SamplerRow { name: DpmPp2SA, preferred: Karras, order: 2, evaluations: 2, ..ANCESTRAL },
        SamplerRow { name: DpmPp3MSde, order: 3, discards_penultimate: true, ..STOCHASTIC },
        SamplerRow { name: EulerA, s_noise: false, ..ANCESTRAL },
        SamplerRow { name: Euler, ..CHURNED },
        SamplerRow { name: Lms, order: 4, ..PLAIN },
        SamplerRow { name: Heun, order: 2, evaluations: 2, ..CHURNED },
        SamplerRow { name: Dpm2, preferred: Karras, order: 2, evaluations: 2, discards_penultimate: true, ..CHURNED },
        SamplerRow {
            name: Dpm2A,
            preferred: Karras,
            order: 2,
            evaluations: 2,
            discards_penultimate: true,
            ..ANCESTRAL
        },
        SamplerRow { name: DpmFast, order: 3, walks: Walks::SigmaSpan, ..ANCESTRAL },
        SamplerRow { name: DpmAdaptive, order: 3, walks: Walks::SigmaSpan, s_noise: false, alone: true, ..ANCESTRAL },
        SamplerRow {
            name: Restart,
            preferred: Karras,
            order: 2,
            evaluations: 2,
            noise: SamplerNoise::Restarts,
            ..PLAIN
        },
        SamplerRow { name: Ddim, ..IMPLICIT },
        SamplerRow { name: DdimCfgPp, ..IMPLICIT },
        SamplerRow { name: Plms, order: 4, ..IN_TIME_STEPS },
        SamplerRow { name: UniPc, order: 3, walks: Walks::Time, steps_min: 3, ..PLAIN },
        SamplerRow { name: Lcm, noise: SamplerNoise::EachStep, walks: Walks::ReducedSigmas, ..PLAIN },
    ]
};
