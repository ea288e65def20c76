//! One published algorithm a file.
//!
//! Throughout, D is what the denoiser sees, d = (x - D) / sigma the derivative of the probability-flow ODE in sigma, and
//! t = -ln sigma the time of the DPM-Solvers; h is a step in it.

mod ancestral;
mod churn;
mod ddim;
mod ddim_cfg_pp;
mod dpm_2;
mod dpm_2_ancestral;
mod dpm_adaptive;
mod dpm_fast;
mod dpm_pp_2m;
mod dpm_pp_2m_sde;
mod dpm_pp_2s_ancestral;
mod dpm_pp_3m_sde;
mod dpm_pp_sde;
mod dpm_solver;
mod euler;
mod euler_ancestral;
mod heun;
mod lagrange;
mod lcm;
mod lms;
mod plms;
mod restart;
mod time_steps;
mod uni_pc;

use engine::tch::Tensor;
use protocol::SamplerName;

use crate::sampler::Algorithm;

/// The algorithm behind a name.
pub fn algorithm(name: SamplerName) -> Algorithm {
    match name {
        SamplerName::DpmPp2M => dpm_pp_2m::sample,
        SamplerName::DpmPpSde => dpm_pp_sde::sample,
        SamplerName::DpmPp2MSde => dpm_pp_2m_sde::sample_midpoint,
        SamplerName::DpmPp2MSdeHeun => dpm_pp_2m_sde::sample_heun,
        SamplerName::DpmPp2SA => dpm_pp_2s_ancestral::sample,
        SamplerName::DpmPp3MSde => dpm_pp_3m_sde::sample,
        SamplerName::EulerA => euler_ancestral::sample,
        SamplerName::Euler => euler::sample,
        SamplerName::Lms => lms::sample,
        SamplerName::Heun => heun::sample,
        SamplerName::Dpm2 => dpm_2::sample,
        SamplerName::Dpm2A => dpm_2_ancestral::sample,
        SamplerName::DpmFast => dpm_fast::sample,
        SamplerName::DpmAdaptive => dpm_adaptive::sample,
        SamplerName::Restart => restart::sample,
        SamplerName::Ddim => ddim::sample,
        SamplerName::DdimCfgPp => ddim_cfg_pp::sample,
        SamplerName::Plms => plms::sample,
        SamplerName::UniPc => uni_pc::sample,
        SamplerName::Lcm => lcm::sample,
    }
}

/// (x - denoised) / sigma.
fn derivative(x: &Tensor, denoised: &Tensor, sigma: f64) -> Tensor {
    (x - denoised) / sigma
}

/// One step of Euler's method from `sigma` to `next`.
fn euler_step(x: &Tensor, denoised: &Tensor, sigma: f64, next: f64) -> Tensor {
    x + derivative(x, denoised, sigma) * (next - sigma)
}

/// The exact step from `sigma` to `next` where D stays what it is: (next / sigma) x - expm1(-h) D. DPM-Solver++'s first
/// order; `next` may be 0.
fn exponential_step(x: &Tensor, denoised: &Tensor, sigma: f64, next: f64) -> Tensor {
    let ratio = next / sigma;
    x * ratio + denoised * (1.0 - ratio)
}
