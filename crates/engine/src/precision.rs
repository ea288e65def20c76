//! The dtype of heavy arithmetic. Master weights, gradients and optimizer state are f32 in both.

use std::fmt;
use std::str::FromStr;

use tch::Kind;

use crate::error::{EngineError, Result};

/// In which dtype matrix products and convolutions are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    Fp32,
    /// bfloat16: 8 bits of exponent as f32 has, 8 of precision; needs no loss scaling.
    Bf16,
}

impl Precision {
    /// The dtype of activations.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Fp32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}

impl FromStr for Precision {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "fp32" => Ok(Self::Fp32),
            "bf16" => Ok(Self::Bf16),
            _ => Err(EngineError::UnknownPrecision(text.to_owned())),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
        })
    }
}
