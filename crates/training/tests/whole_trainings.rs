//! Whole trainings of a tiny model: reproducibility, events, skipped stages, the report, what a user reads on errors.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;

use engine::Precision;
use engine::tch::Kind;
use model::{Part, WeightSource};
use protocol::{JobEvent, Stage};
use serde_json::json;
use support::{Workshop, bits};

#[test]
fn the_same_seeds_give_the_same_bits_and_other_seeds_other_ones() {
    let workshop = Workshop::new();
    let first = workshop.trained(&json!({}));
    workshop.trained(&json!({"text_seed": 1, "unet_batch_size": 2}));
    let again = workshop.trained(&json!({}));
    assert_eq!(first.report.stages[0].losses, again.report.stages[0].losses);
    assert_eq!(first.report.stages[1].losses, again.report.stages[1].losses);
    let unet = |trained: &training::Trained| bits(trained.unet.as_ref().unwrap());
    let text = |trained: &training::Trained| bits(trained.text_encoder.as_ref().unwrap());
    assert!(unet(&first) == unet(&again), "the UNet's bits differ");
    assert!(text(&first) == text(&again), "the text encoder's bits differ");

    let other = workshop.trained(&json!({"text_seed": 556, "unet_seed": 556}));
    assert_ne!(first.report.stages[0].losses, other.report.stages[0].losses);
    assert!(unet(&first) != unet(&other), "another seed trains another UNet");
    assert!(text(&first) != text(&other), "another seed trains another text encoder");
}

#[test]
fn events_tell_the_stages_in_their_order_with_every_step() {
    let (trained, events) = Workshop::new().run(&json!({"unet_batch_size": 2}));
    let told: Vec<(Stage, u64, u64)> = events
        .iter()
        .filter(|event| !matches!(event, JobEvent::Note { .. }))
        .map(|event| match event {
            JobEvent::Stage { stage } => (*stage, 0, 0),
            JobEvent::Step { stage, step, total, .. } => (*stage, *step, *total),
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    let prepare = [(Stage::Prepare, 0, 0), (Stage::Prepare, 1, 3), (Stage::Prepare, 2, 3), (Stage::Prepare, 3, 3)];
    let text = [(Stage::Text, 0, 0), (Stage::Text, 1, 3), (Stage::Text, 2, 3), (Stage::Text, 3, 3)];
    let unet = [(Stage::Unet, 0, 0), (Stage::Unet, 1, 2), (Stage::Unet, 2, 2)];
    assert_eq!(told, [&prepare[..], &text, &unet].concat());

    let losses = &trained.unwrap().report.stages[1].losses;
    let told_losses: Vec<f64> = events
        .iter()
        .filter_map(|event| match event {
            JobEvent::Step { stage: Stage::Unet, loss, .. } => *loss,
            _ => None,
        })
        .collect();
    assert_eq!(&told_losses, losses);
}

#[test]
fn steps_are_epochs_times_images_over_the_batch_size_rounded_up() {
    let report = Workshop::new().trained(&json!({"text_steps": 0, "unet_epochs": 3, "unet_batch_size": 2})).report;
    assert_eq!(report.stages[0].steps, 6);
    assert_eq!(report.stages[0].losses.len(), 6);
}

#[test]
fn stages_without_steps_are_skipped() {
    let workshop = Workshop::new();
    let text_alone = workshop.trained(&json!({"unet_epochs": 0}));
    assert!(text_alone.text_encoder.is_some() && text_alone.unet.is_none());
    let unet_alone = workshop.trained(&json!({"text_steps": 0}));
    assert!(unet_alone.text_encoder.is_none() && unet_alone.unet.is_some());
    let (nothing, events) = workshop.run(&json!({"text_steps": 0, "unet_epochs": 0}));
    let nothing = nothing.unwrap();
    assert!(nothing.text_encoder.is_none() && nothing.unet.is_none() && nothing.report.stages.is_empty());
    assert!(
        events.iter().all(|event| matches!(event, JobEvent::Stage { stage: Stage::Prepare } | JobEvent::Note { .. }))
    );
}

#[test]
fn the_trained_text_encoder_is_what_the_unet_learns_with() {
    let workshop = Workshop::new();
    let losses = |changes| workshop.trained(&changes).report.stages.pop().unwrap().losses;
    assert_ne!(losses(json!({"text_learning_rate": 1e-2})), losses(json!({"text_steps": 0})));
    assert_eq!(losses(json!({"text_learning_rate": 0.0})), losses(json!({"text_steps": 0})));
}

#[test]
fn networks_come_back_without_gradients_and_changed() {
    let workshop = Workshop::new();
    let trained = workshop.trained(&json!({}));
    let unet = trained.unet.unwrap();
    assert!(unet.iter().all(|(_, tensor)| !tensor.requires_grad() && !tensor.grad().defined()));
    let base = workshop.base.unet(engine::tch::Device::Cpu, Kind::Float).unwrap();
    assert!(bits(&unet) != bits(base.parameters()));
}

#[test]
fn offset_noise_changes_the_unet_stage_alone() {
    let workshop = Workshop::new();
    let plain = workshop.trained(&json!({})).report;
    let offset = workshop.trained(&json!({"offset_noise": true})).report;
    assert_eq!(plain.stages[0].losses, offset.stages[0].losses);
    assert_ne!(plain.stages[1].losses, offset.stages[1].losses);
}

#[test]
fn a_tiny_model_learns_one_picture_by_heart() {
    let workshop = Workshop::new();
    fs::remove_file(workshop.images.path().join("sks dog (0).png")).unwrap();
    fs::remove_file(workshop.images.path().join("sks dog (1).png")).unwrap();
    let changes = json!({
        "text_steps": 0, "unet_epochs": 80, "unet_learning_rate": 3e-3, "unet_lr_scheduler": "constant",
    });
    let losses = workshop.trained(&changes).report.stages.pop().unwrap().losses;
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (first, last) = (mean(&losses[..20]), mean(&losses[60..]));
    assert!(last < 0.8 * first, "the loss went from {first} to {last}");
}

#[test]
fn the_report_names_images_captions_and_settings_but_nothing_of_where_bytes_came_from() {
    let workshop = Workshop::new();
    let trained = workshop.trained(&json!({
        "hf_model": "owner/name", "hf_token": "hf_very_secret", "unet_lr_scheduler": "constant",
    }));
    let report = serde_json::to_value(&trained.report).unwrap();
    let image = &report["images"][1];
    assert_eq!((&image["file"], &image["caption"]), (&json!("sks dog (1).png"), &json!("sks dog ")));
    assert_eq!(report["parameters"]["text_steps"], 3);
    assert_eq!(report["stages"][1]["learning_rates"], json!([1e-4, 1e-4, 1e-4]));
    assert_eq!(report["device"], "cpu");
    assert!(!report.to_string().contains("hf_"));
}

#[test]
fn an_empty_caption_is_a_warning_that_says_what_to_do() {
    let workshop = Workshop::new();
    fs::rename(workshop.images.path().join("sks dog (1).png"), workshop.images.path().join("2041.png")).unwrap();
    let warnings = |changes| {
        let (_, events) = workshop.run(&changes);
        events.into_iter().filter(|event| matches!(event, JobEvent::Warning { .. })).collect::<Vec<_>>()
    };
    let skipped = json!({"text_steps": 0, "unet_epochs": 0});
    let [JobEvent::Warning { message }] = &warnings(skipped)[..] else { panic!("one warning") };
    assert!(message.contains("empty caption") && message.contains("2041.png"), "{message}");
    assert!(warnings(json!({"text_steps": 0, "unet_epochs": 0, "concept_name": "sks"})).is_empty());
}

#[test]
fn a_corrupt_picture_is_left_out_with_a_warning_that_names_it() {
    let workshop = Workshop::new();
    fs::write(workshop.images.path().join("broken.jpg"), b"no picture").unwrap();
    let (trained, events) = workshop.run(&json!({}));
    assert_eq!(trained.unwrap().report.images.len(), 3);
    let names_it = |event: &JobEvent| matches!(event, JobEvent::Warning { message } if message.contains("broken.jpg"));
    assert!(events.iter().any(names_it), "{events:?}");
}

#[test]
fn a_polynomial_rate_below_its_end_is_refused_before_anything_is_done() {
    let (trained, events) =
        Workshop::new().run(&json!({"unet_learning_rate": 1e-8, "unet_lr_scheduler": "polynomial"}));
    assert!(trained.unwrap_err().to_string().starts_with("unet_learning_rate is "));
    assert!(events.is_empty());
    let skipped = json!({"text_learning_rate": 1e-8, "text_lr_scheduler": "polynomial", "text_steps": 0});
    assert!(Workshop::new().run(&skipped).0.is_ok(), "a stage that is skipped needs no rate");
}

#[test]
fn bf16_computes_close_to_f32_and_keeps_f32_weights() {
    let mut workshop = Workshop::new();
    let exact = workshop.trained(&json!({})).report;
    workshop.precision = Precision::Bf16;
    let rough = workshop.trained(&json!({}));
    for (exact, rough) in exact.stages.iter().zip(&rough.report.stages) {
        assert_ne!(exact.losses, rough.losses);
        for (exact, rough) in exact.losses.iter().zip(&rough.losses) {
            assert!((rough / exact - 1.0).abs() < 0.02, "{rough}, not about {exact}");
        }
    }
    assert!(rough.unet.unwrap().iter().all(|(_, tensor)| tensor.kind() == Kind::Float));
}

#[test]
fn the_whole_model_is_the_trained_networks_over_the_base() {
    let workshop = Workshop::new();
    let trained = workshop.trained(&json!({"text_steps": 0}));
    let whole = trained.over(&workshop.base);
    let differs = |part, name, shape: &[i64]| {
        let base = workshop.base.weights().tensor(part, name, shape).unwrap();
        whole.tensor(part, name, shape).unwrap() != base
    };
    assert!(differs(Part::Unet, "conv_in.bias", &[8]));
    assert!(!differs(Part::Vae, "quant_conv.bias", &[8]));
    assert!(!differs(Part::TextEncoder, "text_model.final_layer_norm.weight", &[8]));
}

#[test]
fn a_model_that_cannot_read_captions_is_refused() {
    let workshop = Workshop::with_vocabulary(400);
    assert_eq!(
        workshop.run(&json!({})).0.unwrap_err().to_string(),
        "the base model's text encoder knows 400 tokens and 77 positions, but CLIP's tokenizer needs 49408 and 77; choose \
         a Stable Diffusion 1.x model"
    );
}

#[test]
fn a_training_is_left_at_the_step_after_it_is_told_to_stop() {
    let workshop = Workshop::new();
    for (stage, step) in [(Stage::Prepare, 2), (Stage::Text, 2), (Stage::Unet, 1)] {
        let is_last =
            |event: &JobEvent| matches!(event, JobEvent::Step { stage: s, step: n, .. } if (*s, *n) == (stage, step));
        let (trained, events) = workshop.run_until(&json!({}), |events| events.last().is_some_and(is_last));
        assert!(matches!(trained.unwrap_err(), training::TrainingError::Stopped));
        assert!(is_last(events.last().unwrap()), "no step of {stage} follows: {events:?}");
    }
    let left = fs::read_dir(workshop.scratch.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["checkpoints"], "only what a training can go on from is left behind");
}
