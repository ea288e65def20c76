//! Which seed an image has, and that its noise is its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::tch::{Device, Tensor};
use txt2img::sampler::StepNoise;
use txt2img::seeds::{ImageNoise, resolve};

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

#[test]
fn minus_one_draws_a_seed_the_web_ui_could_have_drawn_and_others_stay() {
    assert_eq!(resolve(-1, &mut || u64::MAX), u64::MAX % 4_294_967_294);
    assert_eq!(resolve(0, &mut || 77), 0);
    assert_eq!(resolve(4_294_967_295, &mut || 77), 4_294_967_295);
}

#[test]
fn an_images_noise_does_not_depend_on_its_batch() {
    let shape = [4, 8, 8];
    let mut alone = ImageNoise::new(&[12], shape, Device::Cpu);
    let mut batch = ImageNoise::new(&[11, 12, 13], shape, Device::Cpu);
    for _ in 0..3 {
        assert_eq!(values(&alone.next().get(0)), values(&batch.next().get(1)));
    }
}

#[test]
fn the_first_noise_of_seed_0_is_what_cuda_draws() {
    let first = values(&ImageNoise::new(&[0], [4, 8, 8], Device::Cpu).next());
    for (value, published) in first.iter().zip([-0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797]) {
        assert!((value - published).abs() < 1e-4, "{value} {published}");
    }
}
