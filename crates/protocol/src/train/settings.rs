//! How to train: every field of `input.train` but those that say where bytes come from.

use serde::{Deserialize, Serialize};

use super::choices::{CaptionPadding, Crop, FloatKind, NetworkKind, Profile, TextTraining};
use super::concept::Concept;
use super::{CONCEPT_CHARS_MAX, PROMPT_CHARS_MAX, STEPS_MAX};
use crate::LrScheduler;
use crate::parameter::parameters;

/// Most prompts that samples are drawn of.
const SAMPLE_PROMPTS_MAX: usize = 8;

parameters! {
    /// How to train. The defaults are the original endpoint's, but for the UNet's resolution (its code had 256, at which
    /// Stable Diffusion 1.5 degrades; its later documentation has 512). A field whose default is null follows the profile, or
    /// is chosen by what the machine has. Nothing in it is secret: it may be echoed, stored and reported.
    #[derive(Serialize, Deserialize)]
    pub struct TrainSettings {
        /// A unique name to train your concept with; it becomes the caption of every image, instead of the file names.
        concept_name: Option<String> = or(None), no_blank(CONCEPT_CHARS_MAX);
        /// Enables offset noise in the UNet stage, for style training.
        offset_noise: bool = or(false), anything();
        /// Accepted for compatibility: the scheduler class never changed the original's training.
        pndm_scheduler: bool = or(false), anything();
        /// The number of steps used to train the text encoder; 0 leaves it as it is.
        text_steps: u32 = or(350), range(0, STEPS_MAX);
        /// The seed used to train the text encoder.
        text_seed: i64 = or(555), range(0, u32::MAX);
        /// The number of images in a single step of the text stage.
        text_batch_size: u32 = or(1), range(1, 8);
        /// The resolution of the text stage, in pixels; with the base model `mini`, 128 unless given.
        text_resolution: u32 = or(512), multiple(64, 64, 1024);
        /// The learning rate of the text encoder. Where it is left out, it is 5e-5 with `network` `lora`, else 1e-4 with the base model `mini`.
        text_learning_rate: f64 = or(1e-6), range(0, 1);
        /// How the learning rate of the text encoder changes.
        text_lr_scheduler: LrScheduler = or(LrScheduler::Linear), anything();
        /// 8-bit Adam for the text stage: its state takes 2 bytes a weight instead of 8.
        text_8_bit_adam: bool = or(false), anything();
        /// The seed used for training the UNet.
        unet_seed: i64 = or(555), range(0, u32::MAX);
        /// The number of images that are passed through in a single training step.
        unet_batch_size: u32 = or(1), range(1, 16);
        /// The resolution at which the UNet is trained, in pixels; with the base model `mini`, 128 unless given.
        unet_resolution: u32 = or(512), multiple(64, 64, 1024);
        /// The number of passes over the images; steps = epochs x images / batch size, rounded up. 0 skips the stage.
        unet_epochs: u32 = or(150), range(0, 10_000);
        /// The learning rate when training the UNet. Where it is left out, it is 1e-4 with `network` `lora` or the base model `mini`.
        unet_learning_rate: f64 = or(2e-6), range(0, 1);
        /// How the learning rate of the UNet stage changes.
        unet_lr_scheduler: LrScheduler = or(LrScheduler::Linear), anything();
        /// 8-bit Adam for the UNet.
        unet_8_bit_adam: bool = or(false), anything();

        /// What stands behind the fields whose default is null: `recommended`, or `faithful`, the original's mathematics.
        profile: Profile = or(Profile::Recommended), anything();
        /// `frozen_unet` trains the text encoder first, through a UNet that does not change; `joint` trains a UNet with it and
        /// throws that away, as the original did; `joint_keep` trains both in the UNet stage, the text encoder for its first
        /// `text_steps` steps, and keeps both. Profile: frozen_unet, faithful joint.
        text_training: Option<TextTraining> = or(None), anything();
        /// `max_length` pads captions to 77 tokens, as in drawing; `longest` to the longest of a batch. Profile: max_length,
        /// faithful longest.
        caption_padding: Option<CaptionPadding> = or(None), anything();
        /// Whether `concept_name` is the caption as it is; false takes digits, brackets and hyphens out, as the original did.
        /// Profile: true, faithful false.
        verbatim_concept_name: Option<bool> = or(None), anything();
        /// Whether a `.txt` file beside an image, of the same name, is its caption. Profile: true, faithful false.
        caption_files: Option<bool> = or(None), anything();
        /// Whether photos are turned upright as their EXIF orientation says. Profile: true, faithful false.
        exif_orientation: Option<bool> = or(None), anything();
        /// Whether photos are cut at `random` places or in their `center`. Profile: random.
        crop: Option<Crop> = or(None), anything();
        /// The number of different random crops kept of a photo that is not square. Profile: 4, faithful 1.
        crops_per_image: Option<u32> = or(None), range(1, 16);
        /// Trains photos in frames of their own shape and about the same area, instead of squares.
        aspect_ratio_buckets: bool = or(false), anything();
        /// Shows every other sample mirrored. Not for faces and writing.
        horizontal_flip: bool = or(false), anything();
        /// Whether the same images form a batch all the time. Profile: false, faithful true.
        frozen_batches: Option<bool> = or(None), anything();
        /// What latents are multiplied with. Profile: the base model's own factor, faithful 0.18215.
        latent_scaling_factor: Option<f64> = or(None), range(0.001, 100);
        /// The strength of offset noise.
        offset_noise_strength: f64 = or(0.1), range(0, 1);

        /// `full` trains all weights; `lora` small matrices beside them, and yields a small file.
        network: NetworkKind = or(NetworkKind::Full), anything();
        /// The rank of a LoRA's matrices.
        lora_rank: u32 = or(16), range(1, 256);
        /// A LoRA counts alpha / rank. Null: as much as the rank.
        lora_alpha: Option<f64> = or(None), range(0.01, 1024);

        /// What the concept is one of, such as `a dog`: turns on prior preservation, which keeps the class as it was.
        class_prompt: Option<String> = or(None), no_blank(PROMPT_CHARS_MAX);
        /// Images of the class; what `class_data_url` lacks, the base model draws before the training.
        num_class_images: u32 = or(100), range(1, 1000);
        /// How much the images of the class count beside those of the concept.
        prior_loss_weight: f64 = or(1.0), range(0, 10);
        /// Weighs steps by min(SNR, gamma) / SNR (Hang et al., 2023); 5 is usual. Null: all alike.
        min_snr_gamma: Option<f64> = or(None), range(0.1, 1000);
        /// Keeps an average of the weights with this decay, and exports it instead of the last weights. Null: none.
        ema_decay: Option<f64> = or(None), range(0, 0.999_999);

        /// Photos that are not trained on but tell how far the concept is learnt: the last ones in the order of their names.
        held_out_images: u32 = or(0), range(0, 100);
        /// Steps between two measurements of the validation loss. Null: at the beginning and the end.
        validation_steps: Option<u32> = or(None), range(1, STEPS_MAX);
        /// Steps between sample pictures. Null: none.
        sample_steps: Option<u32> = or(None), range(1, STEPS_MAX);
        /// What sample pictures are drawn of. Empty: the first caption.
        sample_prompts: Vec<String> = or(Vec::new()), Limit::Items { max_items: SAMPLE_PROMPTS_MAX, max_chars: PROMPT_CHARS_MAX };

        /// The dtype of heavy arithmetic; weights are kept in fp32 in both. Null: the worker's own.
        precision: Option<FloatKind> = or(None), anything();
        /// The dtype in which gradients are kept. Null: bf16 where it loses nothing, in bf16 arithmetic without accumulation.
        gradient_precision: Option<FloatKind> = or(None), anything();
        /// Computes activations again in the backward pass instead of keeping them. Null: where memory asks for it.
        gradient_checkpointing: Option<bool> = or(None), anything();
        /// Batches whose gradients are added up for one step.
        gradient_accumulation_steps: u32 = or(1), range(1, 64);
        /// Weights that share one scale in 8-bit Adam: 2048 as in bitsandbytes 0.35, 256 as in its newest. Profile: 256,
        /// faithful 2048.
        adam_8_bit_block_size: Option<u32> = or(None), only([256, 2048], "the sizes that bitsandbytes has had");

        /// Whether a `ckpt_link` that holds averaged (EMA) weights beside the last ones is read from these.
        ckpt_ema: bool = or(false), anything();
        /// Also yields the model as a folder in diffusers' layout, zipped.
        export_diffusers: bool = or(false), anything();
    }
    also {
        /// Several concepts, each with images in a folder of its own; empty for the usual one.
        concepts: Vec<Concept> = Vec::new();
    }
}
