//! The dtype of heavy arithmetic. Master weights, gradients and optimizer state are f32 in both.

use tch::{Device, Kind};

use crate::error::{EngineError, Result};
use crate::processor::ProcessorCapability;

names::names! {
    /// In which dtype matrix products and convolutions are computed.
    pub enum Precision: "precision" {
        /// 32-bit floats.
        Fp32 = "fp32",
        /// bfloat16: 8 bits of exponent as f32 has, 8 of precision; needs no loss scaling.
        Bf16 = "bf16",
    }
}

impl Precision {
    /// What is computed in on `device` with `processor` beside it: what was wished for, else bf16 on a GPU, which has
    /// tensor cores for it, and f32 on a CPU, which is exact there and needs no special instructions.
    ///
    /// # Errors
    /// When bf16 was wished for on a CPU that would have to emulate it.
    pub fn choose(wish: Option<Self>, device: Device, processor: ProcessorCapability) -> Result<Self> {
        let on_cpu = device == Device::Cpu;
        match wish {
            Some(Self::Bf16) if on_cpu && !processor.computes_bf16() => Err(EngineError::EmulatedBf16(processor)),
            Some(precision) => Ok(precision),
            None => Ok(if on_cpu { Self::Fp32 } else { Self::Bf16 }),
        }
    }

    /// The dtype of activations.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Fp32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}
