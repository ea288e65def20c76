//! Sample pictures in the middle of a training: the same prompts and seeds, and no trace in the training.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use protocol::{FileContent, JobEvent, Stage};
use serde_json::json;
use support::atelier::Atelier;
use support::{Workshop, bits};
use training::Trained;

fn workshop() -> Workshop {
    Workshop { atelier: Some(Atelier::default()), ..Workshop::new() }
}

fn all_bits(trained: &Trained) -> Vec<Vec<u32>> {
    let networks = [&trained.text_encoder, &trained.unet].into_iter().flatten();
    networks.flat_map(|network| bits(network)).collect()
}

#[test]
fn every_so_many_steps_each_prompt_is_drawn_with_its_seed_and_kept() {
    let workshop = workshop();
    let report = workshop
        .trained(&json!({"text_steps": 4, "sample_steps": 2, "sample_prompts": ["sks dog", "sks dog in Rome"]}))
        .report;
    let atelier = workshop.atelier.unwrap();
    let kept = atelier.kept.into_inner();
    let names: Vec<&str> = kept.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "sample-text-00002-0.png",
            "sample-text-00002-1.png",
            "sample-text-00004-0.png",
            "sample-text-00004-1.png",
            "sample-unet-00002-0.png",
            "sample-unet-00002-1.png",
        ]
    );
    assert_eq!(kept[2].1, FileContent::Sample { stage: Stage::Text, step: 4 });
    assert!(kept[0].2 != kept[2].2, "the text encoder changed between the two");

    let drawn = atelier.drawn.into_inner();
    assert_eq!(drawn[0].0, "sks dog");
    assert_eq!(drawn[1].0, "sks dog in Rome");
    assert_ne!(drawn[0].1, drawn[1].1);
    assert!(drawn.chunks(2).all(|round| round == &drawn[..2]), "the same every time: {drawn:?}");

    let samples: Vec<_> = report.stages.iter().flat_map(|stage| &stage.samples).collect();
    assert_eq!(samples.iter().map(|sample| sample.file.as_str()).collect::<Vec<_>>(), names);
    assert_eq!((samples[3].step, samples[3].prompt.as_str(), samples[3].seed), (4, "sks dog in Rome", drawn[1].1));
}

#[test]
fn samples_change_no_bit_of_the_training() {
    let workshop = workshop();
    for training in ["frozen_unet", "joint", "joint_keep"] {
        let changes = json!({"text_training": training, "ema_decay": 0.9});
        let without = workshop.trained(&changes);
        let mut changes = changes;
        changes["sample_steps"] = 1.into();
        let with = workshop.trained(&changes);
        assert!(all_bits(&without) == all_bits(&with), "{training}");
        assert!(without.report.stages[0].samples.is_empty() && with.report.stages[0].samples.len() == 3);
    }
}

#[test]
fn without_prompts_the_first_caption_is_drawn() {
    let workshop = workshop();
    workshop.trained(&json!({"text_steps": 0, "sample_steps": 3, "concept_name": "sks"}));
    assert_eq!(workshop.atelier.unwrap().drawn.into_inner()[0].0, "sks");
}

#[test]
fn a_long_training_is_not_drawn_more_than_a_hundred_times() {
    let workshop = workshop();
    let report = workshop.trained(&json!({"text_steps": 0, "unet_epochs": 40, "sample_steps": 1})).report;
    assert_eq!(report.stages[0].steps, 120);
    let steps: Vec<u64> = report.stages[0].samples.iter().map(|sample| sample.step).collect();
    assert_eq!((steps.len(), &steps[..2]), (60, &[2, 4][..]));
}

#[test]
fn a_sample_that_fails_costs_a_warning_and_not_the_training() {
    let workshop = Workshop { atelier: Some(Atelier { on_strike: true, ..Atelier::default() }), ..Workshop::new() };
    let (trained, events) = workshop.run(&json!({"text_steps": 0, "sample_steps": 2}));
    assert!(trained.unwrap().report.stages[0].samples.is_empty());
    let warnings: Vec<&String> = events
        .iter()
        .filter_map(|event| match event {
            JobEvent::Warning { message } => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(
        warnings,
        ["The sample pictures after step 2 of the unet stage could not be drawn: the painter is on strike"]
    );
}
