//! What a step shows the networks, and how much it counts.

use protocol::Profile;
use serde_json::{Value, json};
use training::noise::{NoiseSource, OffsetNoise, SeededNoise, StepNoise, Streams};

use crate::course::{plain, still, with};
use crate::support::Workshop;

/// What the UNet stage draws in its first steps for one image of 64 pixels.
fn drawn(step: u64) -> StepNoise {
    SeededNoise::new(Streams::new(555), 1000, OffsetNoise::NONE).draw(step, &[1, 4, 8, 8])
}

/// Whose bits two lists have in common.
fn same(a: &[f64], b: &[f64]) -> Vec<bool> {
    a.iter().zip(b).map(|(a, b)| a.to_bits() == b.to_bits()).collect()
}

#[test]
pub(crate) fn pndm_scheduler() {
    with(&json!({"pndm_scheduler": true})).assert_same(plain());
}

#[test]
pub(crate) fn offset_noise_strength() {
    let strength = |changes: Value| still(&changes);
    let usual = strength(json!({"offset_noise": true}));
    assert_eq!(strength(json!({"offset_noise": true, "offset_noise_strength": 0.1})), usual);
    assert_eq!(strength(json!({"offset_noise": true, "offset_noise_strength": 0})), still(&json!({})));
    assert_ne!(strength(json!({"offset_noise": true, "offset_noise_strength": 0.5})), usual);
    assert_eq!(strength(json!({"offset_noise_strength": 0.5})), still(&json!({})), "off is off");
}

/// Of a step with one image, the loss is multiplied by min(SNR, γ) / SNR of its timestep.
#[test]
pub(crate) fn min_snr_gamma() {
    let (weighed, all_alike) = (still(&json!({"min_snr_gamma": 0.5})), still(&json!({})));
    assert_eq!(still(&json!({"min_snr_gamma": null})), all_alike);
    let schedule = Workshop::new().base.schedule();
    let mut less = 0;
    for (step, (weighed, loss)) in weighed.iter().zip(&all_alike).enumerate() {
        let snr = schedule.snr(drawn(step as u64).timesteps.int64_value(&[0]));
        let weight = (0.5 / snr).min(1.0);
        assert!((weighed / loss / weight - 1.0).abs() < 1e-5, "step {step}: {weighed} of {loss}, weight {weight}");
        less += usize::from(weight < 1.0);
    }
    assert!(less > 0, "some step counts less");
}

/// Steps whose draw says so show the mirrored photo, the others the same bits as ever.
#[test]
pub(crate) fn horizontal_flip() {
    let epochs = |flip: bool| still(&json!({"unet_epochs": 3, "horizontal_flip": flip}));
    let straight: Vec<bool> = (0..9).map(|step| !drawn(step).mirrored[0]).collect();
    assert!(straight.contains(&true) && straight.contains(&false));
    assert_eq!(same(&epochs(true), &epochs(false)), straight);
}

/// A batch of all photos stands in the same order in each epoch when it is frozen; the first epoch is the same anyway.
#[test]
pub(crate) fn frozen_batches() {
    let epochs = |frozen: Value| still(&json!({"unet_epochs": 3, "unet_batch_size": 3, "frozen_batches": frozen}));
    let (left_out, shuffled, frozen) = (epochs(Value::Null), epochs(json!(false)), epochs(json!(true)));
    assert_eq!(left_out, shuffled);
    assert_eq!(same(&frozen, &shuffled), [true, false, false]);
}

#[test]
pub(crate) fn latent_scaling_factor() {
    let scaled = |factor: Value| still(&json!({"latent_scaling_factor": factor}));
    let of_the_vae = scaled(Value::Null);
    assert_eq!(scaled(json!(0.18215)), of_the_vae, "the base's own factor is the usual one");
    assert!(same(&scaled(json!(0.5)), &of_the_vae).iter().all(|same| !same));
}

/// Captions of one length need less than 77 positions; the UNet sees fewer, which is another context.
#[test]
pub(crate) fn caption_padding() {
    let padded = |padding: Value| still(&json!({"caption_padding": padding}));
    let left_out = padded(Value::Null);
    assert_eq!(padded(json!("max_length")), left_out);
    assert!(same(&padded(json!("longest")), &left_out).iter().all(|same| !same));
}

/// Each profile is the list of its fields: spelled out they give the same bits under the other one.
#[test]
pub(crate) fn profile() {
    let recommended = json!({
        "text_training": "frozen_unet", "caption_padding": "max_length", "verbatim_concept_name": true,
        "caption_files": true, "exif_orientation": true, "crop": "random", "crops_per_image": 4,
        "frozen_batches": false, "adam_8_bit_block_size": 256,
    });
    let faithful = json!({
        "text_training": "joint", "caption_padding": "longest", "verbatim_concept_name": false, "caption_files": false,
        "exif_orientation": false, "crop": "random", "crops_per_image": 1, "frozen_batches": true,
        "latent_scaling_factor": 0.18215, "adam_8_bit_block_size": 2048,
    });
    let under = |profile: Profile, fields: &Value| {
        let mut all = json!({"concept_name": "sks-1", "profile": profile, "unet_epochs": 2, "text_8_bit_adam": true});
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        with(&all)
    };
    for (profile, fields, other) in
        [(Profile::Recommended, &recommended, Profile::Faithful), (Profile::Faithful, &faithful, Profile::Recommended)]
    {
        let of_profile = under(profile, &json!({}));
        let resolved = serde_json::to_value(of_profile.report.recipe).unwrap();
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!(&resolved[name], value, "{profile:?}, {name}");
        }
        assert_eq!(of_profile.captions(), under(other, fields).captions());
        of_profile.assert_same(&under(other, fields));
    }
}
