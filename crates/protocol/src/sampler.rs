//! The names of the samplers. The algorithms are in the txt2img crate.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::value::FromJson;

/// A sampler by the name the web UI gives it (`spec` of the txt2img crate: k-diffusion's family).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SamplerName {
    /// Euler's method on the probability-flow ODE, with optional churn.
    Euler,
    /// Euler's method with ancestral noise.
    #[serde(rename = "Euler a")]
    EulerA,
}

impl SamplerName {
    /// Every sampler this version has.
    pub const ALL: [Self; 2] = [Self::Euler, Self::EulerA];

    /// The name as it stands in requests, infotext and `info`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Euler => "Euler",
            Self::EulerA => "Euler a",
        }
    }

    /// Other accepted spellings.
    pub fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Euler => &["k_euler"],
            Self::EulerA => &["k_euler_a", "k_euler_ancestral"],
        }
    }
}

impl FromJson for SamplerName {
    const TYPE: &'static str = "string";
    const CLOSED: bool = true;

    fn expected() -> String {
        format!("one of {}", Self::ALL.map(Self::name).join(", "))
    }

    /// Names and aliases, upper and lower case alike.
    fn from_json(value: &Value) -> Option<Self> {
        let text = value.as_str()?.trim();
        Self::ALL.into_iter().find(|sampler| {
            sampler.name().eq_ignore_ascii_case(text)
                || sampler.aliases().iter().any(|alias| alias.eq_ignore_ascii_case(text))
        })
    }
}
