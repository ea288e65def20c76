//! The generators draw the numbers that torch draws.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::tch::{Kind, Tensor};
use engine::{Generator, Mt19937, Philox};

fn numbers(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

/// Published values have four decimals.
fn assert_begins_with(drawn: &[f32], expected: &[f32]) {
    assert!(drawn.len() >= expected.len());
    for (index, (drawn, expected)) in drawn.iter().zip(expected).enumerate() {
        assert!((drawn - expected).abs() < 6e-5, "number {index} is {drawn}, not {expected}");
    }
}

#[test]
fn philox_draws_what_torch_draws_on_a_gpu() {
    let mut generator = Philox::new(0);
    let first = generator.normal(&[4, 4, 4]);
    assert_eq!((first.size(), first.kind()), (vec![4, 4, 4], Kind::Float));
    let expected =
        [-0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797, -0.6229, -0.3284, -1.0745, -0.3631, -1.6711, 2.2655];
    assert_begins_with(&numbers(&first), &expected);
    assert_begins_with(&numbers(&generator.normal(&[4])), &[0.1808, -0.5523, 0.9238, -0.7350]);

    let expected = [0.1940, 2.1614, -0.1721, 0.8491, -1.9244, 0.6530, -0.6494, -0.8175];
    assert_begins_with(&numbers(&Philox::new(42).normal(&[8])), &expected);
}

#[test]
fn a_philox_number_depends_on_its_place_and_not_on_the_size_of_the_request() {
    let long = numbers(&Philox::new(7).normal(&[100]));
    let short = numbers(&Philox::new(7).normal(&[10]));
    assert_eq!(long[..10], short[..]);
}

#[test]
fn all_64_bits_of_a_philox_seed_count() {
    let low = numbers(&Philox::new(5).normal(&[4]));
    let high = numbers(&Philox::new(5 + (1 << 32)).normal(&[4]));
    assert_ne!(low, high);
}

#[test]
fn philox_blocks_are_those_of_the_paper() {
    // The known-answer test of the Random123 library for ten rounds.
    assert_eq!(Philox::block(0, [0; 4]), [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]);
    assert_eq!(Philox::block(u64::MAX, [u32::MAX; 4]), [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]);
}

#[test]
fn the_mersenne_twister_draws_what_torch_draws_on_the_cpu() {
    let expected = [
        -1.1258, -1.1524, -0.2506, -0.4339, 0.8487, 0.6920, -0.3160, -2.1152, 0.3223, -1.2633, 0.3500, 0.3081, 0.1198,
        1.2377, 1.1168, -0.2473,
    ];
    assert_begins_with(&numbers(&Mt19937::new(0).normal(&[16])), &expected);
    let expected = [
        1.9269, 1.4873, 0.9007, -2.1055, 0.6784, -1.2345, -0.0431, -1.6047, -0.7521, 1.6487, -0.3925, -1.4036, -0.7279,
        -0.5594, -0.7688, 0.7624,
    ];
    assert_begins_with(&numbers(&Mt19937::new(42).normal(&[16])), &expected);
}

#[test]
fn only_the_low_half_of_a_mersenne_twister_seed_counts() {
    let large = numbers(&Mt19937::new(4_294_967_301).normal(&[16]));
    assert_begins_with(&large, &[1.8423, 0.5189, -1.7119]);
    assert_eq!(large, numbers(&Mt19937::new(5).normal(&[16])));
}

#[test]
fn a_ragged_end_is_drawn_anew() {
    let drawn = numbers(&Mt19937::new(0).normal(&[20]));
    assert_begins_with(&drawn, &[-1.1258, -1.1524, -0.2506, -0.4339]);
    let expected = [
        0.5988, -1.5551, -0.3414, 1.8530, 0.4681, -0.1577, 1.4437, 0.2660, 1.3894, 1.5863, 0.9463, -0.8437, 0.9318,
        1.2590, 2.0050, 0.0537,
    ];
    assert_begins_with(&drawn[4..], &expected);
}

#[test]
fn the_mersenne_twister_agrees_with_libtorch_itself() {
    for (seed, shape) in [(1_u64, vec![4, 64, 64]), (2, vec![3, 5]), (3, vec![7]), (4, vec![1, 4, 17, 9])] {
        engine::tch::manual_seed(seed.cast_signed());
        let mut generator = Mt19937::new(seed);
        for request in 0..3 {
            let reference = Tensor::randn(&shape, (Kind::Float, engine::tch::Device::Cpu));
            let difference = (generator.normal(&shape) - reference).abs().max().double_value(&[]);
            assert!(difference < 1e-5, "seed {seed}, request {request}: {difference}");
        }
    }
}

#[test]
fn a_tensor_that_is_skipped_counts_as_drawn() {
    for shape in [&[4, 64, 64][..], &[3, 5], &[7], &[1, 4, 17, 9], &[0], &[1000, 3]] {
        let generators = || -> [Box<dyn Generator>; 2] { [Box::new(Philox::new(5)), Box::new(Mt19937::new(5))] };
        for (mut drawn, mut skipped) in generators().into_iter().zip(generators()) {
            for _ in 0..2 {
                _ = drawn.normal(shape);
                skipped.skip(shape);
                assert_eq!(numbers(&drawn.normal(&[20])), numbers(&skipped.normal(&[20])), "{shape:?}");
                assert_eq!(numbers(&drawn.normal(&[3])), numbers(&skipped.normal(&[3])), "{shape:?}");
            }
        }
    }
}

#[test]
fn an_empty_request_is_an_empty_tensor() {
    assert_eq!(Philox::new(0).normal(&[0, 4]).size(), [0, 4]);
    assert_eq!(Mt19937::new(0).normal(&[0]).size(), [0]);
}

#[test]
fn normals_are_normal() {
    let drawn = Philox::new(123).normal(&[100_000]);
    assert!(drawn.mean(Kind::Float).double_value(&[]).abs() < 0.01);
    assert!((drawn.std(true).double_value(&[]) - 1.0).abs() < 0.01);
}
