//! Where and how to compute.

use engine::tch::Device;
use engine::{DeviceChoice, Precision};

/// A device that is open, and the precision of its heavy arithmetic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compute {
    /// The device.
    pub device: Device,
    /// The dtype of activations; master weights are f32 always.
    pub precision: Precision,
}

impl Compute {
    /// Opens a device. Without a choice of precision a GPU computes in bf16, for which it has tensor cores, and a CPU in
    /// f32, which is exact and needs no special instructions.
    ///
    /// # Errors
    /// When the device is not there, or a CPU would have to emulate bf16.
    pub fn open(device: DeviceChoice, precision: Option<Precision>) -> Result<Self, engine::EngineError> {
        let device = engine::open_device(device)?;
        let precision = Precision::choose(precision, device, engine::processor_capability())?;
        Ok(Self { device, precision })
    }
}
