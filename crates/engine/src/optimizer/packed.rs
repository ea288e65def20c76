//! What Adam remembers of one parameter, in a byte a number.

use tch::{Kind, Tensor};

use super::BlockSize;
use super::moments::{read_into, shadow};
use crate::error::Result;
use crate::ffi::{AdamW8bitConstants, EngineAdamW8bitParameter};
use crate::parameter::Parameter;

/// Codes (u8, `[elements]`) and scales (f32, `[blocks]`) of the two moments, in the order in which the weights lie in memory, on the
/// parameter's device.
#[derive(Debug)]
pub(super) struct PackedMoments {
    exp_avg_codes: Tensor,
    exp_avg_absmax: Tensor,
    exp_avg_sq_codes: Tensor,
    exp_avg_sq_absmax: Tensor,
}

impl PackedMoments {
    pub(super) fn zero(parameter: &Parameter, block_size: BlockSize) -> Result<Self> {
        let (master, block) = (parameter.master(), block_size.elements());
        let elements = i64::try_from(master.numel()).unwrap_or(i64::MAX);
        let zeros = |count: i64, kind| Tensor::f_zeros([count], (kind, master.device()));
        let blocks = elements / block + i64::from(elements % block > 0);
        Ok(Self {
            exp_avg_codes: zeros(elements, Kind::Uint8)?,
            exp_avg_absmax: zeros(blocks, Kind::Float)?,
            exp_avg_sq_codes: zeros(elements, Kind::Uint8)?,
            exp_avg_sq_absmax: zeros(blocks, Kind::Float)?,
        })
    }

    pub(super) fn state(&self, name: &str) -> [(String, Tensor); 4] {
        [
            (format!("exp_avg_codes.{name}"), self.exp_avg_codes.shallow_clone()),
            (format!("exp_avg_absmax.{name}"), self.exp_avg_absmax.shallow_clone()),
            (format!("exp_avg_sq_codes.{name}"), self.exp_avg_sq_codes.shallow_clone()),
            (format!("exp_avg_sq_absmax.{name}"), self.exp_avg_sq_absmax.shallow_clone()),
        ]
    }

    pub(super) fn load(
        parameter: &Parameter,
        block_size: BlockSize,
        read: &mut dyn FnMut(&str) -> Result<Tensor>,
    ) -> Result<Self> {
        let moments = Self::zero(parameter, block_size)?;
        for (name, mut tensor) in moments.state(parameter.name()) {
            read_into(&mut tensor, &name, read)?;
        }
        Ok(moments)
    }

    /// The parameter as the kernel takes it.
    pub(super) fn entry(
        &self,
        parameter: &Parameter,
        gradient: &Tensor,
        constants: AdamW8bitConstants,
    ) -> EngineAdamW8bitParameter {
        EngineAdamW8bitParameter {
            master: parameter.master().as_ptr(),
            shadow: shadow(parameter),
            gradient: gradient.as_ptr(),
            exp_avg_codes: self.exp_avg_codes.as_ptr(),
            exp_avg_absmax: self.exp_avg_absmax.as_ptr(),
            exp_avg_sq_codes: self.exp_avg_sq_codes.as_ptr(),
            exp_avg_sq_absmax: self.exp_avg_sq_absmax.as_ptr(),
            constants,
        }
    }
}
