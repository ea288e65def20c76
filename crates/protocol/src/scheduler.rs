//! The names of the noise schedules. Their formulas are in the txt2img crate.

use names::names;

use crate::value::named_fields;

names! {
    /// How the noise levels of a walk are spaced, by the web UI's labels; its lower-case names are understood as well.
    pub enum SchedulerName: "schedule" {
        /// The one the sampler's row of the table prefers.
        Automatic = "Automatic",
        /// Evenly in time, from the last time step to the first.
        Uniform = "Uniform",
        /// Evenly in the seventh root of sigma (Karras et al., 2022).
        Karras = "Karras",
        /// Evenly in the logarithm of sigma.
        Exponential = "Exponential",
        /// A power of the ramp in the logarithm of sigma.
        Polyexponential = "Polyexponential",
        /// Evenly in time, as Stability's generative models space their steps.
        SgmUniform = "SGM Uniform" ["sgm_uniform", "SGMUniform"],
        /// Evenly in the arc tangent of sigma (Sabour et al., 2024).
        KlOptimal = "KL Optimal" ["kl_optimal"],
        /// Levels optimised for Stable Diffusion 1.5 (Sabour et al., 2024).
        AlignYourSteps = "Align Your Steps" ["align_your_steps", "AYS"],
        /// Entries of the model's table, evenly, from the last.
        Simple = "Simple",
        /// The same as Uniform.
        Normal = "Normal",
        /// The time steps of DDIM (Song et al., 2020).
        Ddim = "DDIM" ["ddim_uniform"],
        /// Quantiles of the Beta distribution (Lee et al., 2024).
        Beta = "Beta",
    }
}

named_fields!(SchedulerName);
