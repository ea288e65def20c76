//! Untrained weights follow from the seed and the name alone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::tch::{self, Device, Kind, Tensor};
use model::weights::RandomSource;
use model::{Part, WeightSource};

fn draw(seed: u64, part: Part, name: &str, shape: &[i64]) -> Tensor {
    RandomSource::new(seed).tensor(part, name, shape).unwrap()
}

fn deviation(tensor: &Tensor) -> f64 {
    tensor.std(true).double_value(&[])
}

fn largest(tensor: &Tensor) -> f64 {
    tensor.abs().max().double_value(&[])
}

#[test]
fn the_order_of_reads_changes_nothing() {
    let source = RandomSource::new(5);
    let first = source.tensor(Part::Unet, "a.weight", &[8, 8]).unwrap();
    drop(source.tensor(Part::Unet, "b.weight", &[64, 64]).unwrap());
    let again = source.tensor(Part::Unet, "a.weight", &[8, 8]).unwrap();
    assert!(first.equal(&again));
}

#[test]
fn seed_part_and_name_each_change_the_weights() {
    let weights = [
        draw(1, Part::Unet, "a.weight", &[16, 16]),
        draw(2, Part::Unet, "a.weight", &[16, 16]),
        draw(1, Part::Vae, "a.weight", &[16, 16]),
        draw(1, Part::Unet, "b.weight", &[16, 16]),
    ];
    for (index, first) in weights.iter().enumerate() {
        for second in &weights[index + 1..] {
            assert!(!first.equal(second));
        }
    }
}

#[test]
fn layers_are_initialised_as_pytorch_does() {
    let linear = draw(0, Part::Unet, "ff.weight", &[300, 400]);
    assert!(largest(&linear) <= 1.0 / 20.0 && largest(&linear) > 0.0499);
    // A uniform distribution's deviation is its half-width over √3.
    assert!((deviation(&linear) * 20.0 - 1.0 / 3f64.sqrt()).abs() < 0.005);
    assert!(linear.mean(Kind::Float).double_value(&[]).abs() < 3e-4);
    let convolution = draw(0, Part::Vae, "conv_in.weight", &[64, 25, 2, 2]);
    assert!(largest(&convolution) <= 0.1 && largest(&convolution) > 0.0995);
    let bias = draw(0, Part::Unet, "ff.bias", &[400]);
    assert!(largest(&bias) <= 1.0 / 20.0 && largest(&bias) > 0.045);
    let embedding = draw(0, Part::TextEncoder, "text_model.embeddings.token_embedding.weight", &[500, 101]);
    assert!((deviation(&embedding) - 0.02).abs() < 2e-4 && largest(&embedding) > 0.07);
    for norm in ["norm1", "mid.group_norm", "layer_norm2", "conv_norm_out", "final_layer_norm"] {
        let ones = draw(0, Part::Unet, &format!("{norm}.weight"), &[32]);
        let zeros = draw(0, Part::Unet, &format!("{norm}.bias"), &[32]);
        assert!(ones.equal(&Tensor::ones([32], (Kind::Float, Device::Cpu))), "{norm}");
        assert!(zeros.equal(&Tensor::zeros([32], (Kind::Float, Device::Cpu))), "{norm}");
    }
}

#[test]
fn the_process_wide_generator_is_left_alone() {
    let drawn = |between: fn()| {
        tch::manual_seed(9);
        between();
        Tensor::randn([4], (Kind::Float, Device::Cpu))
    };
    let undisturbed = drawn(|| {});
    let disturbed = drawn(|| drop(draw(0, Part::Unet, "a.weight", &[100, 100])));
    assert!(undisturbed.equal(&disturbed));
}

#[test]
fn a_tensor_never_changes_between_releases() {
    let values = Vec::<f32>::try_from(draw(42, Part::Unet, "conv_in.bias", &[4])).unwrap();
    // Computed apart from this program, from the description in the module.
    assert_eq!(values, [-0.4853555, 0.4763648, -0.28202194, 0.398404]);
}
