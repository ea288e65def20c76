//! What a seed draws is a contract: the same seed trains on the same noise, timesteps, order and crops in every release.
//!
//! The numbers below, and those of `goldens/streams.json`, come from a second implementation in Python
//! (`tools/goldens/streams.py`). Whole numbers are compared exactly.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::tch::{Device, Kind, Tensor};
use image::RgbImage;
use serde_json::Value;
use training::batches::Batches;
use training::framing::{Frame, crops_per_image, random_corners};
use training::latents::{Distribution, LatentCache};
use training::noise::{NoiseSource, OffsetNoise, SeededNoise, StepNoise, Stream, Streams};

/// Of a normal number: one unit in its last place, because C libraries round logarithm and cosine differently.
const UNIT: f32 = 1.2e-7;

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

#[track_caller]
fn assert_drawn(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= UNIT * expected.abs(), "{what}: {found}, not {expected}");
    }
}

#[test]
fn every_purpose_has_its_own_numbers_at_every_address() {
    let numbers = |stream| [0, 1, 2].map(|index| Streams::new(555).below(stream, 3, index, 1000));
    assert_eq!(numbers(Stream::Order), [319, 468, 941]);
    assert_eq!(numbers(Stream::CropPlace), [831, 483, 937]);
    assert_eq!(numbers(Stream::CropChoice), [890, 373, 152]);
    assert_eq!(numbers(Stream::Posterior), [843, 567, 282]);
    assert_eq!(numbers(Stream::Noise), [557, 911, 302]);
    assert_eq!(numbers(Stream::OffsetNoise), [289, 213, 927]);
    assert_eq!(numbers(Stream::Timestep), [913, 46, 159]);
    assert_eq!(numbers(Stream::Flip), [404, 426, 40]);
    assert_eq!(numbers(Stream::ClassOrder), [855, 407, 3]);
}

#[test]
fn the_noise_of_a_step_never_changes() {
    let first = |seed, stream, step| values(&Streams::new(seed).normal(stream, step, &[1, 4, 1, 1]));
    assert_drawn("noise", &first(555, Stream::Noise, 0), &[1.908_006_1, -0.836_951_7, -0.511_043, -0.536_356]);
    assert_drawn("noise", &first(555, Stream::Noise, 1), &[0.933_451_5, -0.487_380_6, -1.271_412_1, 0.387_310_77]);
    let posterior = [-0.640_047_25, -0.688_040_44, -0.653_893_9, 1.075_787_8];
    assert_drawn("posterior", &first(556, Stream::Posterior, 0), &posterior);
    let offset = [-1.003_391_3, 0.885_778_55, -0.658_070_9, 0.741_403_6];
    assert_drawn("offset", &first(555, Stream::OffsetNoise, 0), &offset);
}

#[test]
fn the_timesteps_of_a_seed_never_change() {
    let source = SeededNoise::new(Streams::new(555), 1000, OffsetNoise::NONE);
    let drawn: Vec<Vec<i64>> =
        (0..6).map(|step| Vec::try_from(source.draw(step, &[2, 1, 1, 1]).timesteps).unwrap()).collect();
    assert_eq!(drawn, [[5, 372], [950, 17], [990, 276], [913, 46], [169, 846], [328, 586]]);
}

#[test]
fn the_batches_of_a_seed_never_change() {
    let batches =
        |seed| (0..6).map(|step| Batches::new(Streams::new(seed), 5, 2).batch(step).images).collect::<Vec<_>>();
    assert_eq!(batches(555), [vec![2, 0], vec![4, 3], vec![1], vec![0, 1], vec![3, 2], vec![4]]);
    assert_eq!(batches(1), [vec![0, 4], vec![2, 3], vec![1], vec![2, 3], vec![4, 1], vec![0]]);
}

#[test]
fn the_crops_of_a_seed_never_change() {
    let corners = |seed, width, height, image| {
        random_corners(&RgbImage::new(width, height), Frame::square(64), 4, Streams::new(seed), image)
    };
    assert_eq!(corners(555, 100, 64, 0), [(19, 0), (25, 0), (11, 0), (4, 0)]);
    assert_eq!(corners(555, 100, 64, 1), [(0, 0), (21, 0), (4, 0), (23, 0)]);
    assert_eq!(corners(1, 64, 160, 0), [(0, 48), (0, 30), (0, 41), (0, 1)]);
    assert_eq!([1, 5, 100, 101, 133, 134, 200, 201].map(|images| crops_per_image(images, 4)), [4, 4, 4, 3, 3, 2, 2, 1]);
}

#[test]
fn the_crop_that_a_step_takes_never_changes() {
    // Image i's crop c has the mean 10 i + c and no spread, so a sample tells which crop it is of.
    let crop = |image: i64, crop: i64| Distribution {
        mean: Tensor::full([1, 1, 1], 10 * image + crop, (Kind::Float, Device::Cpu)),
        std: Tensor::zeros([1, 1, 1], (Kind::Float, Device::Cpu)),
    };
    let cache = LatentCache::new((0..3).map(|image| (0..4).map(|index| crop(image, index)).collect()).collect());
    let source = SeededNoise::new(Streams::new(555), 1000, OffsetNoise::NONE);
    let taken = |step| values(&cache.sample(&[2, 0], &source.draw(step, &cache.shape(&[2, 0]))));
    let taken: Vec<Vec<f32>> = (0..5).map(taken).collect();
    assert_eq!(taken, [[23.0, 3.0], [21.0, 3.0], [20.0, 2.0], [22.0, 3.0], [22.0, 3.0]]);
}

#[test]
fn a_sample_is_the_mean_plus_the_spread_times_the_posteriors_noise() {
    let shape = [1, 2, 2];
    let mean = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0]).view(shape);
    let std = Tensor::from_slice(&[0.5f32, 0.25, 2.0, 0.0]).view(shape);
    let cache = LatentCache::new(vec![vec![Distribution { mean, std }]]);
    let drawn = StepNoise {
        posterior: Tensor::from_slice(&[2.0f32, -4.0, 1.0, 9.0]).view([1, 1, 2, 2]),
        noise: Tensor::zeros([1, 1, 2, 2], (Kind::Float, Device::Cpu)),
        timesteps: Tensor::from_slice(&[0_i64]),
        crop_choices: vec![0.999],
        mirrored: vec![false],
    };
    assert_eq!(values(&cache.sample(&[0], &drawn)), [2.0, 1.0, 5.0, 4.0]);
}

/// The recorded numbers of a case's field.
fn list<T: serde::de::DeserializeOwned>(case: &Value, field: &str) -> Vec<T> {
    serde_json::from_value(case[field].clone()).unwrap()
}

fn number(case: &Value, field: &str) -> u64 {
    case[field].as_u64().unwrap()
}

fn assert_draw(case: &Value, shape: &[i64]) {
    let (streams, step) = (Streams::new(number(case, "seed")), number(case, "step"));
    let plain = SeededNoise::new(streams, 1000, OffsetNoise::NONE).draw(step, shape);
    assert_drawn("noise", &values(&plain.noise), &list::<f32>(case, "noise"));
    assert_drawn("posterior", &values(&plain.posterior), &list::<f32>(case, "posterior"));
    assert_eq!(Vec::<i64>::try_from(&plain.timesteps).unwrap(), list::<i64>(case, "timesteps"));
    assert_eq!(plain.crop_choices, list::<f64>(case, "crop_choices"));
    assert_eq!(plain.mirrored, list::<bool>(case, "mirrored"));

    let offset = SeededNoise::new(streams, 1000, OffsetNoise { strength: 0.1 }).draw(step, shape);
    let added = Tensor::from_slice(&list::<f32>(case, "offset")).view([shape[0], shape[1], 1, 1]);
    let expected = &plain.noise + added * 0.1;
    let error = (&offset.noise - expected).abs().max().double_value(&[]);
    assert!(error < 1e-6, "{error}");
    assert_eq!(
        (offset.timesteps, offset.posterior),
        (plain.timesteps, plain.posterior),
        "the offset changes noise alone"
    );
}

fn assert_batches(case: &Value) {
    let [seed, images, batch_size] = ["seed", "images", "batch_size"].map(|field| number(case, field));
    let batches = Batches::new(Streams::new(seed), images as usize, batch_size as usize);
    for (step, expected) in list::<Vec<usize>>(case, "batches").into_iter().enumerate() {
        assert_eq!(batches.batch(step as u64).images, expected, "{case}");
    }
}

/// Latents of one number, whose height tells the shape.
fn cache_of(shapes: &[Vec<i64>]) -> LatentCache {
    let latent = |&shape: &i64| Distribution {
        mean: Tensor::zeros([1, shape + 1, 1], (Kind::Float, Device::Cpu)),
        std: Tensor::zeros([1, shape + 1, 1], (Kind::Float, Device::Cpu)),
    };
    LatentCache::new(shapes.iter().map(|shapes| shapes.iter().map(latent).collect()).collect())
}

fn assert_shaped_batches(case: &Value) {
    let photos: Vec<i64> = list(case, "shapes");
    let class: Vec<Vec<i64>> = list(case, "class_shapes");
    let images: Vec<Vec<i64>> = photos.iter().map(|&shape| vec![shape]).chain(class).collect();
    let streams = Streams::new(number(case, "seed"));
    let batches = Batches::of(&cache_of(&images), photos.len(), streams, number(case, "batch_size") as usize)
        .frozen(case["frozen"].as_bool().unwrap());
    for (step, expected) in list::<Vec<usize>>(case, "batches").into_iter().enumerate() {
        let batch = batches.batch(step as u64);
        assert_eq!(batch.images, expected, "{case}");
        assert_eq!(batch.instances, expected.iter().filter(|&&image| image < photos.len()).count());
    }
}

fn assert_crops(case: &Value) {
    let size: Vec<u32> = list(case, "size");
    let (streams, image) = (Streams::new(number(case, "seed")), number(case, "image"));
    let corners = random_corners(&RgbImage::new(size[0], size[1]), Frame::square(64), 4, streams, image);
    assert_eq!(corners, list::<(u32, u32)>(case, "corners"), "{case}");
}

#[test]
fn every_recorded_draw_batch_and_crop_is_drawn() {
    let goldens: Value = serde_json::from_str(include_str!("goldens/streams.json")).unwrap();
    let shape: Vec<i64> = list(&goldens, "shape");
    let cases = goldens["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 60);
    for case in cases {
        match case["kind"].as_str() {
            Some("draw") => assert_draw(case, &shape),
            Some("batches") => assert_batches(case),
            Some("shaped") => assert_shaped_batches(case),
            Some("crops") => assert_crops(case),
            _ => panic!("{case}"),
        }
    }
}
