//! How networks lie in memory, and what that changes: nothing but rounding.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write as _;

use engine::tch::Kind;
use engine::{Precision, processor_capability};
use model::{ModelConfig, Part};
use protocol::{JobEvent, TrainSettings};
use serde_json::{Value, json};
use support::{Workshop, bits};
use training::memory_plan::{Demand, Memory, MemoryPlan, StageSize, plan, precision};
use training::{NamedTensors, Trained};

fn both(trained: &Trained) -> [&NamedTensors; 2] {
    [trained.text_encoder.as_ref().unwrap(), trained.unet.as_ref().unwrap()]
}

/// False, and said so, where bf16 would be emulated.
fn computes_bf16() -> bool {
    let can = processor_capability().computes_bf16();
    if !can {
        writeln!(std::io::stdout().lock(), "skipped: this processor would emulate bf16").unwrap();
    }
    can
}

#[test]
fn computing_activations_again_changes_no_bit() {
    let workshop = Workshop::new();
    for changes in [json!({}), json!({"text_training": "joint"}), json!({"text_training": "joint_keep"})] {
        let with = |recompute: bool| {
            let mut changes = changes.clone();
            changes["gradient_checkpointing"] = recompute.into();
            workshop.trained(&changes)
        };
        let (kept, recomputed) = (with(false), with(true));
        for (kept, recomputed) in both(&kept).into_iter().zip(both(&recomputed)) {
            assert!(bits(kept) == bits(recomputed), "{changes}");
        }
    }
}

#[test]
fn a_lora_whose_activations_are_computed_again_is_the_same_to_rounding() {
    let workshop = Workshop::new();
    let with = |recompute: bool| workshop.trained(&json!({"network": "lora", "gradient_checkpointing": recompute}));
    let (kept, recomputed) = (with(false), with(true));
    for (kept, recomputed) in both(&kept).into_iter().zip(both(&recomputed)) {
        for ((name, kept), (_, recomputed)) in kept.iter().zip(recomputed) {
            // Gradients of frozen layers' inputs are added up in another order.
            let difference = (kept - recomputed).abs().max().double_value(&[]);
            assert!(difference < 1e-6, "{name}: {difference}");
        }
    }
}

#[test]
fn bf16_trains_f32_masters_close_to_those_of_f32_with_gradients_in_either_dtype() {
    if !computes_bf16() {
        return;
    }
    let workshop = Workshop::new();
    let exact = workshop.trained(&json!({}));
    for gradients in ["fp32", "bf16"] {
        let trained = workshop.trained(&json!({"precision": "bf16", "gradient_precision": gradients}));
        assert_eq!(trained.report.precision, "bf16");
        for (exact, rough) in exact.report.stages.iter().zip(&trained.report.stages) {
            for (exact, rough) in exact.losses.iter().zip(&rough.losses) {
                assert!((exact / rough - 1.0).abs() < 0.02, "{gradients}: {rough} instead of {exact}");
            }
        }
        for (exact, rough) in both(&exact).into_iter().zip(both(&trained)) {
            for ((name, exact), (_, rough)) in exact.iter().zip(rough) {
                assert_eq!(rough.kind(), Kind::Float, "{name}");
                // Three steps of at most 1e-4 each, in directions that bf16 may turn around where a gradient is near 0.
                let difference = (exact - rough).abs().max().double_value(&[]);
                assert!(difference < 7e-4, "{gradients}, {name}: {difference}");
            }
        }
    }
}

#[test]
fn precision_asked_for_in_vain_is_refused_in_a_sentence() {
    let settings = |changes| support::settings(&changes);
    let f32_with_bf16_gradients = settings(json!({"precision": "fp32", "gradient_precision": "bf16"}));
    let refused = precision(&f32_with_bf16_gradients, Precision::Fp32, engine::tch::Device::Cpu).unwrap_err();
    assert!(
        refused.to_string().starts_with("gradient_precision is bf16, but the training computes in fp32"),
        "{refused}"
    );
    if !processor_capability().computes_bf16() {
        let bf16 = settings(json!({"precision": "bf16"}));
        let refused = precision(&bf16, Precision::Fp32, engine::tch::Device::Cpu).unwrap_err().to_string();
        assert!(refused.starts_with("precision is bf16, but this worker's processor"), "{refused}");
    }
}

#[test]
fn a_lora_trains_small_matrices_by_kohyas_names_and_no_weight() {
    let workshop = Workshop::new();
    let trained = workshop.trained(&json!({"network": "lora", "lora_rank": 4, "lora_alpha": 2}));
    let adapter = trained.adapter.unwrap();
    assert_eq!((adapter.rank, adapter.alpha), (4, 2.0));
    for (named, prefix) in both(&trained).into_iter().zip(["lora_te_text_model_encoder_layers_", "lora_unet_"]) {
        assert!(!named.is_empty());
        for (name, tensor) in named {
            assert!(name.starts_with(prefix), "{name}");
            assert!(name.ends_with(".lora_down.weight") || name.ends_with(".lora_up.weight"), "{name}");
            assert_eq!(if name.ends_with("down.weight") { tensor.size()[0] } else { tensor.size()[1] }, 4, "{name}");
        }
        let ups = named.iter().filter(|(name, _)| name.ends_with("up.weight"));
        assert!(ups.clone().all(|(_, up)| up.abs().max().double_value(&[]) > 0.0), "every module has learnt");
    }
    assert!(trained.report.stages[1].trained_parameters < 40_000, "{}", trained.report.stages[1].trained_parameters);
}

#[test]
fn a_lora_learns_one_picture_by_heart() {
    let workshop = Workshop::new();
    for name in ["sks dog (0).png", "sks dog (1).png"] {
        std::fs::remove_file(workshop.images.path().join(name)).unwrap();
    }
    let changes = json!({
        "network": "lora", "lora_rank": 8, "text_steps": 0, "unet_epochs": 80, "unet_learning_rate": 2e-2,
        "unet_lr_scheduler": "constant",
    });
    let losses = workshop.trained(&changes).report.stages.pop().unwrap().losses;
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (first, last) = (mean(&losses[..20]), mean(&losses[60..]));
    assert!(last < 0.9 * first, "the loss went from {first} to {last}");
}

#[test]
fn both_networks_are_kept_when_they_learn_together_and_the_text_encoder_stops_after_its_steps() {
    let workshop = Workshop::new();
    let together = |text_steps: u32, epochs: u32| {
        let changes = json!({
            "text_training": "joint_keep", "text_steps": text_steps, "unet_epochs": epochs,
            "text_lr_scheduler": "constant", "unet_lr_scheduler": "constant",
        });
        workshop.trained(&changes)
    };
    let short = together(3, 1);
    assert_eq!(short.report.stages.len(), 1, "there is one stage");
    let base = workshop.base.text_encoder(engine::tch::Device::Cpu, Kind::Float).unwrap();
    assert!(bits(short.text_encoder.as_ref().unwrap()) != bits(base.parameters()));
    let long = together(3, 2);
    assert!(bits(short.text_encoder.as_ref().unwrap()) == bits(long.text_encoder.as_ref().unwrap()), "it has stopped");
    assert!(bits(short.unet.as_ref().unwrap()) != bits(long.unet.as_ref().unwrap()));
}

#[test]
fn accumulated_batches_make_fewer_steps_of_the_same_size() {
    let workshop = Workshop::new();
    let changes = json!({"text_steps": 2, "unet_epochs": 4, "gradient_accumulation_steps": 2});
    let report = workshop.trained(&changes).report;
    let steps: Vec<u64> = report.stages.iter().map(|stage| stage.steps).collect();
    assert_eq!(steps, [2, 6], "12 batches of the UNet stage, two a step; steps of the text stage are steps");
}

const STAGE: StageSize = StageSize { adam_8_bit: false, latent_pixels: 64 * 64 };

fn planned(changes: &Value, stage: StageSize, available: u64, compute: Kind) -> MemoryPlan {
    let settings = support::settings(changes);
    let memory = Memory { available: Some(available), begun: None };
    plan(&demand(&settings, stage), &settings, compute, memory)
}

fn demand(settings: &TrainSettings, stage: StageSize) -> Demand {
    Demand::of(&ModelConfig::sd15(), settings, &[Part::Unet], &[], stage).unwrap()
}

#[test]
fn activations_are_kept_where_they_fit_and_computed_again_where_not() {
    let roomy = planned(&json!({}), STAGE, 80_000_000_000, Kind::Float);
    assert!(!roomy.layout.recompute && roomy.note.is_none() && !roomy.is_short);
    let tight = planned(&json!({}), STAGE, 17_500_000_000, Kind::Float);
    assert!(tight.layout.recompute && !tight.is_short);
    assert!(tight.note.unwrap().contains("gradient_checkpointing"));
    let fixed = planned(&json!({"gradient_checkpointing": false}), STAGE, 16_000_000_000, Kind::Float);
    assert!(!fixed.layout.recompute, "what the request fixes is fixed");
    assert!(fixed.is_short);
    let note = fixed.note.unwrap();
    assert!(note.contains("set gradient_checkpointing") && note.contains("8_bit_adam"), "{note}");
}

#[test]
fn an_interrupted_lora_goes_on_as_it_began_and_another_training_with_what_fits_now() {
    let resumed = |changes: &Value, begun: bool, available: u64| {
        let settings = support::settings(changes);
        let memory = Memory { available: Some(available), begun: Some(begun) };
        plan(&demand(&settings, STAGE), &settings, Kind::Float, memory)
    };
    let lora = json!({"network": "lora"});
    let (little, much) = (4_000_000_000, 80_000_000_000);
    assert!(planned(&lora, STAGE, little, Kind::Float).layout.recompute, "it would begin like this");
    let short = resumed(&lora, false, little);
    assert!(!short.layout.recompute && short.is_short);
    assert!(short.note.unwrap().contains("goes on as it began, so that it ends with the same bits"));
    let roomy = resumed(&lora, true, much);
    assert!(roomy.layout.recompute && !roomy.is_short && roomy.note.is_none());
    let fixed = resumed(&json!({"network": "lora", "gradient_checkpointing": true}), false, much);
    assert!(fixed.layout.recompute, "what the request fixes is fixed");
    assert!(resumed(&json!({}), false, 17_500_000_000).layout.recompute);
    assert!(!resumed(&json!({}), true, much).layout.recompute);
}

#[test]
fn full_adamw_at_512_fits_into_22_gb_and_8_bit_adam_with_recomputation_into_10() {
    let settings = support::settings(&json!({}));
    let adamw = planned(&json!({}), STAGE, 22_000_000_000, Kind::BFloat16);
    assert!(demand(&settings, STAGE).bytes(&adamw.layout) < 22_000_000_000);
    let eight_bit = StageSize { adam_8_bit: true, ..STAGE };
    let packed = planned(&json!({}), eight_bit, 10_000_000_000, Kind::BFloat16);
    assert!(packed.layout.recompute && packed.layout.gradients == Kind::BFloat16);
    assert!(demand(&settings, eight_bit).bytes(&packed.layout) < 10_000_000_000);
}

#[test]
fn the_estimate_is_near_what_trainings_with_8_bit_adam_took_and_hardly_below() {
    // Peaks of whole processes on a CPU in f32: 256² and 512², activations kept and computed again.
    let measured = [(32, false, 9.48e9), (32, true, 9.42e9), (64, false, 10.64e9), (64, true, 9.69e9)];
    for (side, recompute, bytes) in measured {
        let settings = support::settings(&json!({"gradient_checkpointing": recompute}));
        let demand = demand(&settings, StageSize { adam_8_bit: true, latent_pixels: side * side });
        let layout = plan(&demand, &settings, Kind::Float, Memory::default()).layout;
        let estimate = demand.bytes(&layout) as f64;
        assert!((0.97..1.12).contains(&(estimate / bytes)), "{side}, {recompute}: {estimate:e} instead of {bytes:e}");
    }
}

#[test]
fn the_owner_is_told_of_what_the_memory_decided() {
    let (_, events) =
        Workshop::new().run(&json!({"unet_resolution": 64, "text_steps": 0, "gradient_checkpointing": false}));
    let told = events.iter().filter(|event| matches!(event, JobEvent::Note { message } if message.contains("memory")));
    assert_eq!(told.count(), 0, "nothing was decided for a training that fits");
}
