//! How far the concept is learnt: measured on noise that is never trained on, always the same, and without a trace in the
//! training.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::cell::Cell;
use std::fs;

use engine::{Precision, processor_capability};
use protocol::{JobEvent, Leave, Stage};
use serde_json::{Value, json};
use support::{Workshop, bits};
use training::exported::ExportedWeights;
use training::validation::{MeasuredOn, ValidationPoint};
use training::{Trained, TrainingError, remove_checkpoints};

fn points(trained: &Trained) -> Vec<&[ValidationPoint]> {
    trained.report.stages.iter().map(|stage| stage.validation.as_slice()).collect()
}

fn all_bits(trained: &Trained) -> Vec<Vec<u32>> {
    let networks = [&trained.text_encoder, &trained.unet].into_iter().flatten();
    networks.flat_map(|network| bits(network)).collect()
}

/// Trains with `changes` and with `more` besides.
fn without_and_with(workshop: &Workshop, changes: &Value, more: &Value) -> [Trained; 2] {
    let mut both = changes.clone();
    both.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    [workshop.trained(changes), workshop.trained(&both)]
}

#[test]
fn a_training_with_and_without_validation_yields_the_same_bits() {
    let mut workshop = Workshop::new();
    let mut cases = vec![
        (Precision::Fp32, json!({})),
        (Precision::Fp32, json!({"text_training": "joint", "ema_decay": 0.5})),
        (Precision::Fp32, json!({"network": "lora", "ema_decay": 0.9})),
    ];
    if processor_capability().computes_bf16() {
        let shadows = json!({"text_training": "joint_keep", "ema_decay": 0.9, "gradient_precision": "bf16"});
        cases.push((Precision::Bf16, shadows));
    }
    for (precision, changes) in cases {
        workshop.precision = precision;
        let [without, with] = without_and_with(&workshop, &changes, &json!({"validation_steps": 1}));
        assert!(points(&without).iter().all(|points| points.is_empty()), "three steps are not measured unasked");
        assert!(points(&with).iter().all(|points| points.len() == 4));
        assert!(all_bits(&without) == all_bits(&with), "{changes} in {precision}");
        for (without, with) in without.report.stages.iter().zip(&with.report.stages) {
            assert_eq!(without.losses, with.losses);
        }
    }
}

#[test]
fn weights_that_do_not_change_have_the_same_validation_loss_to_the_bit() {
    let still = json!({
        "text_learning_rate": 0, "unet_learning_rate": 0, "text_lr_scheduler": "constant", "unet_lr_scheduler": "constant",
        "validation_steps": 1,
    });
    let trained = Workshop::new().trained(&still);
    let losses: Vec<f64> = points(&trained).concat().iter().map(|point| point.concept).collect();
    assert_eq!(losses.len(), 8);
    assert!(losses.iter().all(|loss| *loss == losses[0]), "{losses:?}");
}

#[test]
fn it_is_measured_at_both_ends_of_a_stage_and_every_so_many_steps_and_each_time_told() {
    let (trained, events) = Workshop::new().run(&json!({"text_steps": 5, "validation_steps": 2}));
    let trained = trained.unwrap();
    let steps: Vec<Vec<u64>> =
        points(&trained).iter().map(|points| points.iter().map(|point| point.step).collect()).collect();
    assert_eq!(steps, [vec![0, 2, 4, 5], vec![0, 2, 3]]);
    let told: Vec<(Stage, u64, f64)> = events
        .iter()
        .filter_map(|event| match event {
            JobEvent::Validation { stage, step, loss } => Some((*stage, *step, *loss)),
            _ => None,
        })
        .collect();
    let stages = trained.report.stages.iter();
    let reported =
        stages.flat_map(|stage| stage.validation.iter().map(|point| (stage.stage, point.step, point.concept)));
    assert_eq!(told, reported.collect::<Vec<_>>());
}

#[test]
fn a_long_training_is_measured_at_the_ends_unasked() {
    let trained = Workshop::new().trained(&json!({"text_steps": 0, "unet_epochs": 7}));
    let steps: Vec<u64> = points(&trained)[0].iter().map(|point| point.step).collect();
    assert_eq!(steps, [0, 21]);
    let learnt = trained.report.learnt.unwrap();
    assert_eq!(learnt.on, MeasuredOn::TrainingPhotos);
    assert_eq!(learnt.concept.before, trained.report.stages[0].validation[0].concept);
    assert_eq!(learnt.concept.after, trained.report.stages[0].validation[1].concept);
    assert!(learnt.class.is_none());
}

#[test]
fn the_loss_on_a_held_out_photo_falls_when_the_concept_is_learnt() {
    let workshop = Workshop::new();
    let trained = workshop.trained(&json!({
        "text_steps": 20, "unet_epochs": 40, "unet_learning_rate": 3e-3, "unet_lr_scheduler": "constant",
        "held_out_images": 1,
    }));
    let report = serde_json::to_value(&trained.report).unwrap();
    assert_eq!(report["held_out"].as_array().unwrap().len(), 1);
    assert_eq!(report["held_out"][0]["file"], "sks dog (2).png");
    assert_eq!(report["images"].as_array().unwrap().len(), 2);
    let learnt = trained.report.learnt.unwrap();
    assert_eq!(learnt.on, MeasuredOn::HeldOut);
    assert_eq!(learnt.concept.before, trained.report.stages[0].validation[0].concept, "that of the base model");
    assert!(learnt.concept.after < 0.9 * learnt.concept.before, "{learnt:?}");
}

#[test]
fn the_class_is_measured_where_there_are_images_of_it() {
    let mut workshop = Workshop::new();
    let class = tempfile::tempdir().unwrap();
    fs::copy(workshop.images.path().join("sks dog (0).png"), class.path().join("a.png")).unwrap();
    workshop.class_images = Some(class);
    let trained = workshop.trained(&json!({"class_prompt": "a dog", "num_class_images": 1, "validation_steps": 3}));
    let class: Vec<f64> = points(&trained).concat().iter().map(|point| point.class.unwrap()).collect();
    assert_eq!(class.len(), 4);
    let learnt = trained.report.learnt.unwrap().class.unwrap();
    assert_eq!([learnt.before, learnt.after], [class[0], class[3]]);
    assert_ne!(learnt.before, learnt.after);
}

#[test]
fn where_an_average_is_exported_it_is_what_is_measured() {
    let workshop = Workshop::new();
    let with = |changes: Value| {
        let mut all = json!({"text_steps": 0, "unet_epochs": 3, "validation_steps": 9});
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        workshop.run(&all)
    };
    let (last, events) = with(json!({}));
    let last = last.unwrap();
    assert_eq!(last.report.exported_weights, ExportedWeights::Last);
    assert!(!events.iter().any(|event| matches!(event, JobEvent::Note { message } if message.contains("exported"))));

    let at_once = with(json!({"ema_decay": 0})).0.unwrap();
    assert_eq!(points(&at_once), points(&last), "an average that forgets at once is the last weights");

    let (average, events) = with(json!({"ema_decay": 0.999}));
    let average = average.unwrap();
    assert_eq!(average.report.exported_weights, ExportedWeights::Average);
    let notes = |event: &&JobEvent| matches!(event, JobEvent::Note { message } if message.contains("average"));
    assert_eq!(events.iter().filter(notes).count(), 1);
    assert_eq!(average.report.stages[0].losses, last.report.stages[0].losses, "the training itself is the same");
    let [first, end] = points(&average)[0] else { panic!("two measurements") };
    assert_eq!(first, &points(&last)[0][0]);
    assert_ne!(end.concept, points(&last)[0][1].concept);
    assert_ne!(all_bits(&average), all_bits(&last));
}

#[test]
fn a_training_is_left_in_the_middle_of_a_measurement() {
    let workshop = Workshop::new();
    let asked = Cell::new(0);
    let (trained, events) = workshop.run_until(&json!({"text_steps": 0, "validation_steps": 1}), |events| {
        asked.set(asked.get() + u32::from(events.iter().any(|event| matches!(event, JobEvent::Validation { .. }))));
        // After the first measurement it is asked some times a step, and at each pair.
        asked.get() > 10
    });
    assert!(matches!(trained.unwrap_err(), TrainingError::Stopped));
    let measured = events.iter().filter(|event| matches!(event, JobEvent::Validation { .. })).count();
    assert_eq!(measured, 1, "the second one is given up");
    assert!(matches!(events.last(), Some(JobEvent::Step { step: 1, .. })), "and no step follows: {events:?}");
}

#[test]
fn a_training_that_was_interrupted_has_measured_the_same_as_one_that_was_not() {
    let workshop = Workshop::new();
    let changes = json!({"text_steps": 2, "validation_steps": 1});
    let undisturbed = workshop.trained(&changes);
    // Each question at which it may be left: between two steps, and between two pairs of a measurement.
    for question in [1, 40, 100] {
        remove_checkpoints(workshop.scratch.path()).unwrap();
        let asked = Cell::new(0);
        let leave = || {
            asked.set(asked.get() + 1);
            (asked.get() > question).then_some(Leave::Keep)
        };
        let left = workshop.run_with(&changes, Some(1), &mut |_| {}, &leave);
        assert!(matches!(left.unwrap_err(), TrainingError::Stopped), "{question}");
        let resumed = workshop.run_with(&changes, Some(1), &mut |_| {}, &|| None).unwrap();
        assert_eq!(points(&resumed), points(&undisturbed), "left at question {question}");
        assert_eq!(resumed.report.learnt, undisturbed.report.learnt);
        assert!(all_bits(&resumed) == all_bits(&undisturbed), "left at question {question}");
    }
    remove_checkpoints(workshop.scratch.path()).unwrap();
}
