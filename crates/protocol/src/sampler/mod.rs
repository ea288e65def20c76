//! The samplers: their names, and the one table of what is known of each. The algorithms are in the txt2img crate.

mod choice;
mod table;

use names::names;

pub use choice::SamplerChoice;
pub use table::{SamplerNoise, SamplerRow, Walks, markdown_table};

names! {
    /// A sampler by the name the web UI gives it, in the order of its lists; requests, infotext and `info` use the same.
    pub enum SamplerName: "sampler" {
        /// DPM-Solver++, second order, multistep (Lu et al., 2022).
        DpmPp2M = "DPM++ 2M" ["k_dpmpp_2m"],
        /// DPM-Solver++ as a stochastic differential equation, two evaluations a step.
        DpmPpSde = "DPM++ SDE" ["k_dpmpp_sde"],
        /// DPM-Solver++ 2M as a stochastic differential equation.
        DpmPp2MSde = "DPM++ 2M SDE" ["k_dpmpp_2m_sde"],
        /// DPM++ 2M SDE with Heun's correction.
        DpmPp2MSdeHeun = "DPM++ 2M SDE Heun" ["k_dpmpp_2m_sde_heun"],
        /// DPM-Solver++, second order, single step, with ancestral noise.
        DpmPp2SA = "DPM++ 2S a" ["k_dpmpp_2s_a"],
        /// DPM-Solver++, third order, multistep, as a stochastic differential equation.
        DpmPp3MSde = "DPM++ 3M SDE" ["k_dpmpp_3m_sde"],
        /// Euler's method with ancestral noise.
        EulerA = "Euler a" ["k_euler_a", "k_euler_ancestral"],
        /// Euler's method on the probability-flow ODE, with optional churn.
        Euler = "Euler" ["k_euler"],
        /// A linear multistep method of fourth order.
        Lms = "LMS" ["k_lms"],
        /// Heun's method, with optional churn (Karras et al., 2022).
        Heun = "Heun" ["k_heun"],
        /// The midpoint method in the logarithm of sigma, with optional churn.
        Dpm2 = "DPM2" ["k_dpm_2"],
        /// DPM2 with ancestral noise.
        Dpm2A = "DPM2 a" ["k_dpm_2_a"],
        /// DPM-Solver of mixed orders; `steps` counts evaluations (Lu et al., 2022).
        DpmFast = "DPM fast" ["k_dpm_fast"],
        /// DPM-Solver that chooses its own steps.
        DpmAdaptive = "DPM adaptive" ["k_dpm_ad"],
        /// Heun's method that goes back up and down again (Xu et al., 2023).
        Restart = "Restart",
        /// Denoising diffusion implicit models (Song et al., 2020).
        Ddim = "DDIM",
        /// DDIM that walks along the unconditional noise (Chung et al., 2024).
        DdimCfgPp = "DDIM CFG++" ["ddim_cfgpp"],
        /// Pseudo linear multistep (Liu et al., 2022).
        Plms = "PLMS",
        /// A unified predictor-corrector, third order (Zhao et al., 2023).
        UniPc = "UniPC",
        /// Latent consistency models (Luo et al., 2023).
        Lcm = "LCM" ["k_lcm"],
    }
}

impl SamplerName {
    /// What is known of it.
    pub fn row(self) -> &'static SamplerRow {
        &table::SAMPLERS[self as usize]
    }
}
