//! Every field of `input.train`: a test that changes it alone and sees what follows from it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod amounts;
mod course;
mod networks;
mod photos;
mod rates;
mod shown;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where the test of a field is.
enum Proof {
    /// In this folder.
    Here(fn()),
    /// In another file below `crates`.
    There(&'static str, &'static str),
}

use Proof::{Here, There};

const INPUTS: &str = "worker/tests/supervisor/inputs.rs";
const LAYOUTS: &str = "training/tests/layouts.rs";
const PRIOR: &str = "training/tests/prior_preservation.rs";
const SAMPLES: &str = "training/tests/samples.rs";
const VALIDATION: &str = "training/tests/validation.rs";

/// In the order of the documentation.
const PROOFS: &[(&str, Proof)] = &[
    ("data_url", There(INPUTS, "a_repository_is_fetched_at_its_revision_with_its_token")),
    ("hf_model", There(INPUTS, "a_repository_is_fetched_at_its_revision_with_its_token")),
    ("hf_revision", There(INPUTS, "a_repository_is_fetched_at_its_revision_with_its_token")),
    ("hf_token", There(INPUTS, "a_repository_is_fetched_at_its_revision_with_its_token")),
    ("ckpt_link", There(INPUTS, "a_checkpoints_averaged_weights_are_asked_for_by_its_name")),
    ("class_data_url", There(INPUTS, "zips_of_the_class_and_of_concepts_are_unpacked_beside_the_photos")),
    ("concept_name", Here(photos::concept_name)),
    ("offset_noise", There("training/tests/whole_trainings.rs", "offset_noise_changes_the_unet_stage_alone")),
    ("pndm_scheduler", Here(shown::pndm_scheduler)),
    ("text_steps", Here(amounts::text_steps)),
    ("text_seed", Here(amounts::text_seed)),
    ("text_batch_size", Here(amounts::text_batch_size)),
    ("text_resolution", Here(amounts::text_resolution)),
    ("text_learning_rate", Here(rates::text_learning_rate)),
    ("text_lr_scheduler", Here(rates::text_lr_scheduler)),
    ("text_8_bit_adam", Here(rates::text_8_bit_adam)),
    ("unet_seed", Here(amounts::unet_seed)),
    ("unet_batch_size", Here(amounts::unet_batch_size)),
    ("unet_resolution", Here(amounts::unet_resolution)),
    ("unet_epochs", Here(amounts::unet_epochs)),
    ("unet_learning_rate", Here(rates::unet_learning_rate)),
    ("unet_lr_scheduler", Here(rates::unet_lr_scheduler)),
    ("unet_8_bit_adam", Here(rates::unet_8_bit_adam)),
    ("profile", Here(shown::profile)),
    ("text_training", Here(networks::text_training)),
    ("caption_padding", Here(shown::caption_padding)),
    ("verbatim_concept_name", Here(photos::verbatim_concept_name)),
    ("caption_files", Here(photos::caption_files)),
    ("exif_orientation", Here(photos::exif_orientation)),
    ("crop", Here(photos::crop)),
    ("crops_per_image", Here(photos::crops_per_image)),
    ("aspect_ratio_buckets", Here(photos::aspect_ratio_buckets)),
    ("horizontal_flip", Here(shown::horizontal_flip)),
    ("frozen_batches", Here(shown::frozen_batches)),
    ("latent_scaling_factor", Here(shown::latent_scaling_factor)),
    ("offset_noise_strength", Here(shown::offset_noise_strength)),
    ("network", Here(networks::network)),
    ("lora_rank", Here(networks::lora_rank)),
    ("lora_alpha", Here(networks::lora_alpha)),
    ("class_prompt", There(PRIOR, "the_base_model_draws_the_class_before_the_training_and_says_so")),
    ("num_class_images", There(PRIOR, "given_images_of_the_class_come_first_and_only_the_rest_is_drawn")),
    ("prior_loss_weight", There(PRIOR, "the_class_counts_in_both_stages_as_much_as_its_weight_says")),
    ("min_snr_gamma", Here(shown::min_snr_gamma)),
    ("ema_decay", Here(rates::ema_decay)),
    ("held_out_images", Here(amounts::held_out_images)),
    (
        "validation_steps",
        There(VALIDATION, "it_is_measured_at_both_ends_of_a_stage_and_every_so_many_steps_and_each_time_told"),
    ),
    ("sample_steps", There(SAMPLES, "every_so_many_steps_each_prompt_is_drawn_with_its_seed_and_kept")),
    ("sample_prompts", There(SAMPLES, "without_prompts_the_first_caption_is_drawn")),
    ("precision", Here(networks::precision)),
    ("gradient_precision", Here(networks::gradient_precision)),
    ("gradient_checkpointing", There(LAYOUTS, "computing_activations_again_changes_no_bit")),
    ("gradient_accumulation_steps", There(LAYOUTS, "accumulated_batches_make_fewer_steps_of_the_same_size")),
    ("adam_8_bit_block_size", Here(rates::adam_8_bit_block_size)),
    ("ckpt_ema", There(INPUTS, "a_checkpoints_averaged_weights_are_asked_for_by_its_name")),
    ("export_diffusers", There("execution/tests/jobs.rs", "a_model_in_diffusers_layout_is_made_where_it_is_asked_for")),
    ("concepts", There(PRIOR, "each_of_several_concepts_trains_its_own_caption_photos_and_class")),
];

#[test]
fn every_field_has_a_test_that_changes_it_alone() {
    let proven: Vec<&str> = PROOFS.iter().map(|(name, _)| *name).collect();
    let fields: Vec<&str> = protocol::train::train_table().iter().map(|field| field.name).collect();
    assert_eq!(proven, fields);
    let mut here = BTreeSet::new();
    for (name, proof) in PROOFS {
        match proof {
            Here(test) => assert!(here.insert(*test as usize), "{name} has the test of another field"),
            There(file, test) => {
                let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
                let source = fs::read_to_string(&source).unwrap();
                assert!(source.contains(&format!("fn {test}(")), "{file} has no {test} for {name}");
            }
        }
    }
}
