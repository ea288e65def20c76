//! The autoencoder computes what diffusers' `AutoencoderKL` computes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use model::Posterior;
use support::{OUTPUT_TOLERANCE, Tensors, assert_close, assert_same_bits, golden, tiny_vae};

/// Images of 64 × 64 and 64 × 96.
const CASES: [&str; 2] = ["square", "wide"];

#[test]
fn images_are_encoded_as_by_diffusers() {
    let vae = tiny_vae();
    let goldens = Tensors::read(&golden("vae.safetensors"));
    for case in CASES {
        let get = |name: &str| goldens.get(&format!("{case}.{name}"));
        let posterior = vae.encode(&get("images"));
        assert_close(case, &posterior.mean, &get("mean"), OUTPUT_TOLERANCE);
        assert_close(case, &posterior.logvar, &get("logvar"), OUTPUT_TOLERANCE);
        assert_close(case, &posterior.std(), &get("std"), OUTPUT_TOLERANCE);
    }
}

#[test]
fn latents_are_decoded_as_by_diffusers() {
    let vae = tiny_vae();
    assert_eq!(vae.scaling_factor(), 0.18215);
    let goldens = Tensors::read(&golden("vae.safetensors"));
    for case in CASES {
        let decoded = vae.decode(&goldens.get(&format!("{case}.latents")));
        assert_close(case, &decoded, &goldens.get(&format!("{case}.decoded")), OUTPUT_TOLERANCE);
    }
}

#[test]
fn the_variance_is_clamped_as_by_diffusers() {
    let goldens = Tensors::read(&golden("vae.safetensors"));
    let posterior = Posterior::from_moments(&goldens.get("clamp.parameters"));
    assert_same_bits(&posterior.mean, &goldens.get("clamp.mean"));
    assert_same_bits(&posterior.logvar, &goldens.get("clamp.logvar"));
    assert_close("the deviation", &posterior.std(), &goldens.get("clamp.std"), 1e-6);
}

#[test]
fn a_sample_is_the_mean_and_some_standard_deviations() {
    let posterior = tiny_vae().encode(&Tensors::read(&golden("vae.safetensors")).get("square.images"));
    let noise = posterior.mean.ones_like() * 2.0;
    assert_close("a sample", &posterior.sample(&noise), &(&posterior.mean + posterior.std() * 2.0), 1e-6);
    assert_same_bits(&posterior.sample(&noise.zeros_like()), &posterior.mean);
}

#[test]
fn two_encodings_and_two_decodings_are_equal_to_the_last_bit() {
    let vae = tiny_vae();
    let goldens = Tensors::read(&golden("vae.safetensors"));
    let (images, latents) = (goldens.get("wide.images"), goldens.get("wide.latents"));
    assert_same_bits(&vae.encode(&images).mean, &vae.encode(&images).mean);
    assert_same_bits(&vae.decode(&latents), &vae.decode(&latents));
}
