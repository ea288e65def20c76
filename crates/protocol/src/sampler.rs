//! The names of the samplers. The algorithms are in the txt2img crate.

use names::names;

use crate::value::named_fields;

names! {
    /// A sampler by the name the web UI gives it; requests, infotext and `info` use the same.
    pub enum SamplerName: "sampler" {
        /// Euler's method on the probability-flow ODE, with optional churn.
        Euler = "Euler" ["k_euler"],
        /// Euler's method with ancestral noise.
        EulerA = "Euler a" ["k_euler_a", "k_euler_ancestral"],
    }
}

named_fields!(SamplerName);
