//! How a stage's networks lie in memory: what the request fixes, and else what the memory that is free asks for.

use engine::tch::{Device, Kind};
use engine::{Precision, ProcessorCapability, processor_capability};
use model::weights::inventory;
use model::{LoraSettings, ModelConfig, Part};
use protocol::{FloatKind, NetworkKind, TrainSettings};

use crate::error::{Result, TrainingError};
use crate::networks::Layout;

/// Activations that a training step keeps for one pixel of one latent, in numbers, for each channel of the UNet's first block.
/// Measured on Stable Diffusion 1.5 (320 channels): from 256² to 512² a step in f32 took 1.84 GB more, and the pictures
/// have 3072 latent pixels more. The text encoder's are too few to count.
const ACTIVATIONS_PER_CHANNEL: f64 = 470.0;
/// What is left of them when each layer is computed again, inputs of layers and one layer's insides: 0.48 GB of those 1.84.
const KEPT_WHEN_RECOMPUTED: f64 = 0.27;
/// What the process takes besides: the program, libtorch, work space of its kernels.
const PROCESS_BYTES: f64 = 5e8;
/// Of the free memory, what a plan may count on: allocators round up, and libraries take work space.
const USABLE: f64 = 0.92;

/// What one stage holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// Numbers that are trained.
    pub trained: u64,
    /// Numbers that the networks hold besides, in the compute dtype.
    pub frozen: u64,
    /// Whether the trained numbers are weights that may lie in bf16 beside their masters.
    pub may_shadow: bool,
    /// Whether an average of them is kept.
    pub ema: bool,
    /// 8-bit Adam holds 2 bytes for each, 32-bit Adam 8.
    pub adam_8_bit: bool,
    /// Latent pixels in one pass: batch · height/8 · width/8.
    pub latent_pixels: u64,
    /// Channels of the UNet's first block.
    pub channels: u64,
}

impl Demand {
    /// What `parts` demand when they are trained with `settings`; `frozen` are those that are only looked through.
    pub fn of(
        config: &ModelConfig,
        settings: &TrainSettings,
        trained: &[Part],
        frozen: &[Part],
        stage: StageSize,
    ) -> Result<Self> {
        let numbers = |parts: &[Part]| -> Result<u64> {
            let specs = inventory(config)?;
            let of_parts = specs.iter().filter(|spec| parts.contains(&spec.part));
            Ok(of_parts.map(|spec| spec.shape.iter().product::<i64>().max(0) as u64).sum())
        };
        let (all_trained, all_frozen) = (numbers(trained)?, numbers(frozen)?);
        let lora = settings.network == NetworkKind::Lora;
        // A LoRA of rank 16 has about 1/270 of Stable Diffusion 1.5's numbers.
        let of_lora = all_trained / 4_300 * u64::from(settings.lora_rank);
        Ok(Self {
            trained: if lora { of_lora } else { all_trained },
            frozen: if lora { all_trained + all_frozen } else { all_frozen },
            may_shadow: !lora,
            ema: settings.ema_decay.is_some(),
            adam_8_bit: stage.adam_8_bit,
            latent_pixels: stage.latent_pixels,
            channels: config.unet.block_out_channels.first().copied().unwrap_or(0).max(0) as u64,
        })
    }

    /// The bytes that the stage takes at most when it lies as `layout` says.
    #[must_use]
    pub fn bytes(&self, layout: &Layout) -> u64 {
        let element = |kind: Kind| kind.elt_size_in_bytes() as f64;
        let shadows = self.may_shadow && layout.compute != Kind::Float;
        let gradient = if shadows { element(layout.gradients) } else { 4.0 };
        // Beside its master a bf16 copy lies either as the shadow, or as what the backward pass needs of the cast weight.
        let weight = 4.0 + if shadows { 2.0 } else { 0.0 };
        let state = if self.adam_8_bit { 2.04 } else { 8.0 } + if self.ema { 4.0 } else { 0.0 };
        let kept = if layout.recompute { KEPT_WHEN_RECOMPUTED } else { 1.0 };
        let activations = ACTIVATIONS_PER_CHANNEL * self.channels as f64 * self.latent_pixels as f64 * kept;
        let numbers = self.trained as f64 * (weight + gradient + state) + self.frozen as f64 * element(layout.compute);
        (numbers + activations * element(layout.compute) + PROCESS_BYTES) as u64
    }
}

/// What a stage's size depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageSize {
    /// Whether its optimizer is 8-bit Adam.
    pub adam_8_bit: bool,
    /// Latent pixels in one pass.
    pub latent_pixels: u64,
}

/// What decides where the request leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Bytes that are free; `None`: nobody knows.
    pub available: Option<u64>,
    /// Whether activations were computed again when the stage began, if it goes on after an interruption.
    pub begun: Option<bool>,
}

/// A layout, and what the owner should know about it.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryPlan {
    /// How the networks lie.
    pub layout: Layout,
    /// What was decided, or may happen, when there is something to say.
    pub note: Option<String>,
    /// Whether the training seems to take more than is free.
    pub is_short: bool,
}

/// Chooses the layout of a stage: what `settings` fix is fixed; else activations are kept if they fit into the memory that is
/// free and computed again if not. That changes the last bits of a LoRA and of nothing else, so a LoRA that was interrupted
/// goes on as it began, and others with what fits now.
#[must_use]
pub fn plan(demand: &Demand, settings: &TrainSettings, compute: Kind, memory: Memory) -> MemoryPlan {
    let adapter = adapter(settings);
    let begun = memory.begun.filter(|_| adapter.is_some());
    let fixed = settings.gradient_checkpointing.or(begun);
    let kept = Layout { compute, gradients: gradients(settings, compute), recompute: fixed.unwrap_or(false), adapter };
    let Some(available) = memory.available else { return MemoryPlan { layout: kept, note: None, is_short: false } };
    let usable = (available as f64 * USABLE) as u64;
    let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    let recomputed = Layout { recompute: true, ..kept };
    let (layout, note) = match fixed {
        None if demand.bytes(&kept) > usable => {
            let note = format!(
                "The training would take about {} and {} are free, so activations are computed again instead of kept \
                 (gradient_checkpointing).",
                gigabytes(demand.bytes(&kept)),
                gigabytes(available)
            );
            (recomputed, Some(note))
        }
        _ => (kept, None),
    };
    let is_short = demand.bytes(&layout) > usable;
    let note = if is_short {
        let as_begun = if begun.is_some() && settings.gradient_checkpointing.is_none() {
            ", but a LoRA goes on as it began, so that it ends with the same bits"
        } else {
            ""
        };
        Some(format!(
            "The training takes about {} and {} are free{as_begun}; should it fail for lack of memory, {}.",
            gigabytes(demand.bytes(&layout)),
            gigabytes(available),
            remedy(demand, &layout)
        ))
    } else {
        note
    };
    MemoryPlan { layout, note, is_short }
}

/// The settings that would save the most, the most harmless first.
fn remedy(demand: &Demand, layout: &Layout) -> String {
    let mut remedies = Vec::new();
    if !layout.recompute {
        remedies.push("set gradient_checkpointing");
    }
    if !demand.adam_8_bit && demand.may_shadow {
        remedies.push("set text_8_bit_adam and unet_8_bit_adam");
    }
    if demand.ema {
        remedies.push("leave ema_decay out");
    }
    remedies.push("lower the resolution or the batch size");
    if demand.may_shadow {
        remedies.push("train with network lora");
    }
    remedies.join(", or ")
}

/// bf16 gradients lose nothing where the arithmetic is bf16 and they are not added up: a weight's gradient is computed in bf16
/// and would only be widened.
fn gradients(settings: &TrainSettings, compute: Kind) -> Kind {
    match settings.gradient_precision {
        Some(FloatKind::Bf16) if compute == Kind::BFloat16 => Kind::BFloat16,
        None if compute == Kind::BFloat16 && settings.gradient_accumulation_steps == 1 => Kind::BFloat16,
        _ => Kind::Float,
    }
}

/// The matrices that are trained instead of weights, if it is these.
#[must_use]
pub fn adapter(settings: &TrainSettings) -> Option<LoraSettings> {
    let rank = i64::from(settings.lora_rank);
    (settings.network == NetworkKind::Lora).then(|| LoraSettings {
        rank,
        alpha: settings.lora_alpha.unwrap_or(f64::from(settings.lora_rank)),
        seed: settings.unet_seed as u64,
    })
}

/// The dtype of heavy arithmetic: the request's, else the worker's.
///
/// # Errors
/// When the request asks for bf16 and this machine's processor would have to emulate it, or for bf16 gradients of f32
/// arithmetic.
pub fn precision(settings: &TrainSettings, of_worker: Precision, device: Device) -> Result<Precision> {
    let precision = precision_on(settings, of_worker, device, processor_capability())?;
    if precision == Precision::Fp32 && settings.gradient_precision == Some(FloatKind::Bf16) {
        return Err(TrainingError::Bf16Gradients);
    }
    Ok(precision)
}

fn precision_on(
    settings: &TrainSettings,
    of_worker: Precision,
    device: Device,
    processor: ProcessorCapability,
) -> Result<Precision> {
    let wish = match settings.precision {
        None => return Ok(of_worker),
        Some(FloatKind::Fp32) => Precision::Fp32,
        Some(FloatKind::Bf16) => Precision::Bf16,
    };
    Precision::choose(Some(wish), device, processor).map_err(|_| TrainingError::EmulatedBf16(processor))
}
