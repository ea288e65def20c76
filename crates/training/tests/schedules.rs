//! Learning rates, and what is drawn from a seed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;

use protocol::LrScheduler;
use training::batches::Batches;
use training::lr_schedule::{LearningRate, multiplier};
use training::noise::{NoiseSource, OffsetNoise, SeededNoise, Stream, Streams};

#[test]
fn learning_rates_have_the_check_values_of_the_specification() {
    // Spec section 3.7: 350 steps; step, linear, cosine, polynomial from 1e-6, polynomial from 2e-6.
    let table = [
        (0, 1.0, 1.0, 1.0, 1.0),
        (87, 0.751_429, 0.855_137, 0.776_286, 0.763_857),
        (262, 0.251_429, 0.148_037, 0.326_286, 0.288_857),
        (349, 0.002_857, 0.000_020, 0.102_571, 0.052_714),
    ];
    for (step, linear, cosine, polynomial_1e6, polynomial_2e6) in table {
        let close = |scheduler, lr, expected: f64| {
            let found = multiplier(scheduler, step, 350, lr);
            assert!((found - expected).abs() < 1e-6, "{scheduler:?} at {step}: {found}, not {expected}");
        };
        close(LrScheduler::Linear, 1e-6, linear);
        close(LrScheduler::Cosine, 1e-6, cosine);
        close(LrScheduler::CosineWithRestarts, 1e-6, cosine);
        close(LrScheduler::Polynomial, 1e-6, polynomial_1e6);
        close(LrScheduler::Polynomial, 2e-6, polynomial_2e6);
        close(LrScheduler::Constant, 1e-6, 1.0);
        close(LrScheduler::ConstantWithWarmup, 1e-6, 1.0);
    }
}

/// Recorded from `get_scheduler` of diffusers 0.36.0.
#[test]
fn learning_rates_follow_diffusers_at_every_step() {
    let goldens: serde_json::Value = serde_json::from_str(include_str!("goldens/lr.json")).unwrap();
    let cases = goldens["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 24);
    for case in cases {
        let scheduler: LrScheduler = serde_json::from_value(case["schedule"].clone()).unwrap();
        let total = case["total_steps"].as_u64().unwrap();
        let learning_rate = case["lr"].as_f64().unwrap();
        let expected: Vec<f64> = serde_json::from_value(case["multipliers"].clone()).unwrap();
        for step in 0..=total {
            let found = multiplier(scheduler, step, total, learning_rate);
            let expected = expected[step as usize];
            assert!((found - expected).abs() < 1e-12, "{scheduler:?} at {step} of {total}: {found}, not {expected}");
        }
    }
}

#[test]
fn a_polynomial_schedule_needs_a_rate_above_its_end() {
    let error = LearningRate { base: 1e-7, scheduler: LrScheduler::Polynomial }
        .check("unet_learning_rate")
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("unet_learning_rate is 0.0000001, but the polynomial schedule ends at"), "{error}");
    assert!(LearningRate { base: 0.0, scheduler: LrScheduler::Linear }.check("unet_learning_rate").is_ok());
}

#[test]
fn every_epoch_sees_every_image_once_in_another_order() {
    let batches = Batches::new(Streams::new(555), 7, 2);
    assert_eq!(batches.per_epoch(), 4);
    let epoch = |epoch: u64| (epoch * 4..epoch * 4 + 4).flat_map(|step| batches.batch(step).images).collect::<Vec<_>>();
    let orders: HashSet<Vec<usize>> = (0..20).map(epoch).collect();
    assert!(orders.len() > 15, "shuffled anew each epoch");
    for order in &orders {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6]);
    }
    assert_eq!(batches.batch(3).images.len(), 1, "the last batch is short");
}

#[test]
fn a_batch_larger_than_the_data_set_is_the_data_set() {
    let batches = Batches::new(Streams::new(1), 3, 8);
    assert_eq!((batches.per_epoch(), batches.batch(0).images.len(), batches.batch(9).images.len()), (1, 3, 3));
}

#[test]
fn equal_seeds_give_equal_orders_and_other_seeds_other_ones() {
    let orders =
        |seed| (0..30).map(|step| Batches::new(Streams::new(seed), 6, 1).batch(step).images).collect::<Vec<_>>();
    assert_eq!(orders(555), orders(555));
    assert_ne!(orders(555), orders(556));
}

#[test]
fn a_draw_depends_on_seed_and_step_and_on_nothing_before() {
    let shape = [2, 4, 3, 5];
    let source = SeededNoise::new(Streams::new(555), 1000, OffsetNoise { strength: 0.1 });
    let fresh = source.draw(7, &shape);
    for step in 0..7 {
        source.draw(step, &[1, 4, 8, 8]);
    }
    let again = source.draw(7, &shape);
    assert_eq!(fresh.noise, again.noise);
    assert_eq!(fresh.posterior, again.posterior);
    assert_eq!(fresh.timesteps, again.timesteps);
    assert_eq!(fresh.crop_choices, again.crop_choices);
    assert_ne!(fresh.noise, fresh.posterior);
    assert_ne!(fresh.noise, source.draw(8, &shape).noise);
    assert_ne!(
        fresh.noise,
        SeededNoise::new(Streams::new(556), 1000, OffsetNoise { strength: 0.1 }).draw(7, &shape).noise
    );
}

#[test]
fn noise_is_standard_normal_and_timesteps_are_uniform() {
    let streams = Streams::new(555);
    let noise = streams.normal(Stream::Noise, 0, &[100_000]);
    assert!(noise.mean(None).double_value(&[]).abs() < 0.01);
    assert!((noise.std(true).double_value(&[]) - 1.0).abs() < 0.01);
    let beyond_two = noise.abs().gt(2.0).to_kind(engine::tch::Kind::Float).mean(None).double_value(&[]);
    assert!((beyond_two - 0.0455).abs() < 0.003, "{beyond_two}");

    let source = SeededNoise::new(streams, 1000, OffsetNoise::NONE);
    let timesteps: Vec<i64> =
        (0..4000).flat_map(|step| Vec::<i64>::try_from(source.draw(step, &[1, 1, 1, 1]).timesteps).unwrap()).collect();
    assert!(timesteps.iter().all(|t| (0..1000).contains(t)));
    let mean = timesteps.iter().sum::<i64>() as f64 / 4000.0;
    assert!((mean - 499.5).abs() < 20.0, "{mean}");
    assert!(timesteps.iter().any(|&t| t < 5) && timesteps.iter().any(|&t| t > 994));
}

#[test]
fn offset_noise_shifts_whole_channels() {
    let streams = Streams::new(3);
    let shape = [1, 4, 32, 32];
    let plain = SeededNoise::new(streams, 1000, OffsetNoise::NONE).draw(0, &shape).noise;
    let shifted = SeededNoise::new(streams, 1000, OffsetNoise { strength: 0.1 }).draw(0, &shape).noise;
    let difference = (shifted - plain).flatten(2, 3);
    let spread = difference.std_dim(2, true, false).max().double_value(&[]);
    assert!(spread < 1e-6, "constant over a channel, but the spread is {spread}");
    let channels =
        Vec::<f64>::try_from(difference.select(2, 0).flatten(0, 1).to_kind(engine::tch::Kind::Double)).unwrap();
    assert!(channels.iter().all(|shift| shift.abs() > 0.0 && shift.abs() < 0.5), "{channels:?}");
}
