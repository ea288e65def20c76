//! Photos become latents: of one shape each, mirrored or not, scaled by the factor that is asked for.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Device, Kind, Tensor};
use image::{Rgb, RgbImage};
use model::base::BaseModel;
use model::{ModelReference, RandomConfig, Vae};
use protocol::Crop;
use serde_json::json;
use support::Workshop;
use tempfile::TempDir;
use training::TrainingError;
use training::batches::Batches;
use training::dataset::{Photo, Role};
use training::framing::Framing;
use training::latents::{Distribution, LatentCache, LatentEncoder};
use training::noise::{StepNoise, Streams};

/// Photos of these sizes; those behind the first `instances` are class images.
fn photos(sizes: &[(u32, u32)], instances: usize) -> (TempDir, Vec<Photo>) {
    let dir = tempfile::tempdir().unwrap();
    let write = |(index, &(width, height)): (usize, &(u32, u32))| {
        let path = dir.path().join(format!("{index}.png"));
        let pixel = |x: u32, y: u32| Rgb([(7 * x) as u8, (5 * y) as u8, (90 * index) as u8]);
        RgbImage::from_fn(width, height, pixel).save(&path).unwrap();
        let role = if index < instances { Role::Instance } else { Role::Class };
        Photo { size: (width, height), role, ..Photo::at(path) }
    };
    let photos = sizes.iter().enumerate().map(write).collect();
    (dir, photos)
}

const FRAMING: fn() -> Framing = || Framing {
    resolution: 128,
    buckets: false,
    crop: Crop::Random,
    crops: 2,
    mirrored: false,
    streams: Streams::new(555),
};

fn vae() -> Vae {
    Workshop::new().base.vae(Device::Cpu, Kind::Float).unwrap()
}

fn encoded(photos: &[Photo], framing: Framing, vae: &Vae, scaling_factor: f64) -> LatentCache {
    let encoder = LatentEncoder { vae, device: Device::Cpu, scaling_factor };
    LatentCache::encode(&photos.iter().collect::<Vec<_>>(), framing, &encoder, |_| Ok(())).unwrap()
}

/// The mean of an image's crop: a draw without noise.
fn mean(cache: &LatentCache, batch: &[usize], crop_choice: f64, mirrored: bool) -> Tensor {
    let shape = cache.shape(batch);
    let zeros = || Tensor::zeros(&shape, (Kind::Float, Device::Cpu));
    cache.sample(
        batch,
        &StepNoise {
            posterior: zeros(),
            noise: zeros(),
            timesteps: Tensor::zeros([batch.len() as i64], (Kind::Int64, Device::Cpu)),
            crop_choices: vec![crop_choice; batch.len()],
            mirrored: vec![mirrored; batch.len()],
        },
    )
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

#[test]
fn latents_are_multiplied_with_the_factor_that_is_asked_for() {
    let ((_dir, photos), vae) = (photos(&[(128, 128)], 1), vae());
    let one = mean(&encoded(&photos, FRAMING(), &vae, 1.0), &[0], 0.0, false);
    let original = mean(&encoded(&photos, FRAMING(), &vae, 0.182_15), &[0], 0.0, false);
    assert!(largest_difference(&(one * 0.182_15), &original) < 1e-6);
}

#[test]
fn a_mirrored_crop_is_the_encoding_of_the_mirrored_picture() {
    let ((dir, photos), vae) = (photos(&[(128, 128)], 1), vae());
    let cache = encoded(&photos, Framing { mirrored: true, ..FRAMING() }, &vae, 1.0);
    let path = dir.path().join("mirrored.png");
    image::imageops::flip_horizontal(&image::open(&photos[0].path).unwrap().into_rgb8()).save(&path).unwrap();
    let mirrored = Photo { path, ..photos[0].clone() };
    let expected = mean(&encoded(&[mirrored], FRAMING(), &vae, 1.0), &[0], 0.0, false);
    assert_eq!(mean(&cache, &[0], 0.0, true), expected);
    assert_ne!(mean(&cache, &[0], 0.0, false), expected);
    let without = encoded(&photos, FRAMING(), &vae, 1.0);
    assert_eq!(
        mean(&without, &[0], 0.0, true),
        mean(&without, &[0], 0.0, false),
        "where none was encoded, none is taken"
    );
}

#[test]
fn photos_keep_their_shape_where_that_is_asked_for_and_no_batch_mixes_shapes() {
    let sizes = [(160, 160), (100, 200), (90, 200), (400, 410), (160, 160), (100, 190)];
    let ((_dir, photos), vae) = (photos(&sizes, 4), vae());
    let squares = encoded(&photos, FRAMING(), &vae, 1.0);
    assert!((0..6).all(|image| squares.shapes(image) == [[4, 16, 16]]));

    let cache = encoded(&photos, Framing { buckets: true, ..FRAMING() }, &vae, 1.0);
    let [square, upright] = [vec![4, 16, 16], vec![4, 24, 8]];
    for (image, shape) in [&square, &upright, &upright, &square, &square, &upright].into_iter().enumerate() {
        assert_eq!(cache.shapes(image), std::slice::from_ref(shape), "image {image}");
    }
    let batches = Batches::of(&cache, 4, Streams::new(1), 2);
    assert_eq!(batches.per_epoch(), 2);
    for step in 0..10 {
        let batch = batches.batch(step);
        assert_eq!((batch.instances, batch.images.len()), (2, 4), "as many of the class as of the concept");
        let shape = mean(&cache, &batch.images, 0.5, false).size();
        assert_eq!(shape, cache.shape(&batch.images));
        let is_upright = batch.images[0] == 1 || batch.images[0] == 2;
        assert_eq!(shape[1..], if is_upright { [4, 24, 8] } else { [4, 16, 16] });
    }
}

#[test]
fn a_class_image_in_two_shapes_is_taken_in_that_of_the_batch() {
    let latent = |height: i64, value: i64| Distribution {
        mean: Tensor::full([1, height, 1], value, (Kind::Float, Device::Cpu)),
        std: Tensor::zeros([1, height, 1], (Kind::Float, Device::Cpu)),
    };
    let class = vec![latent(2, 20), latent(3, 30), latent(3, 31)];
    let cache = LatentCache::new(vec![vec![latent(2, 1)], vec![latent(3, 2)], class]);
    let sample =
        |batch: &[usize], choice| Vec::<f32>::try_from(mean(&cache, batch, choice, false).flatten(0, -1)).unwrap();
    assert_eq!(sample(&[0, 2], 0.9), [1.0, 1.0, 20.0, 20.0]);
    assert_eq!(sample(&[1, 2], 0.9), [2.0, 2.0, 2.0, 31.0, 31.0, 31.0]);
    assert_eq!(sample(&[1, 2], 0.1)[3], 30.0);
}

#[test]
fn photos_get_several_crops_class_images_one_and_squares_need_none() {
    let ((_dir, photos), vae) = (photos(&[(200, 128), (128, 128), (200, 128)], 2), vae());
    let cache = encoded(&photos, FRAMING(), &vae, 1.0);
    assert_eq!([0, 1, 2].map(|image| cache.crops(image)), [2, 1, 1]);
    assert_ne!(mean(&cache, &[0], 0.0, false), mean(&cache, &[0], 0.9, false));
    let centred = encoded(&photos, FRAMING().centred(), &vae, 1.0);
    assert_eq!([0, 1, 2].map(|image| centred.crops(image)), [1, 1, 1]);
}

#[test]
fn encoding_tells_of_each_photo_and_may_be_ended() {
    let ((_dir, photos), vae) = (photos(&[(64, 64), (64, 64)], 2), vae());
    let encoder = LatentEncoder { vae: &vae, device: Device::Cpu, scaling_factor: 1.0 };
    let mut seen = Vec::new();
    let framing = Framing { resolution: 64, ..FRAMING() };
    let result = LatentCache::encode(&photos.iter().collect::<Vec<_>>(), framing, &encoder, |done| {
        seen.push(done);
        Err(TrainingError::Stopped)
    });
    assert!(matches!(result, Err(TrainingError::Stopped)));
    assert_eq!(seen, [1]);
}

/// The workshop, its base with an autoencoder of the tiny class.
fn with_tiny_autoencoder() -> Workshop {
    let workshop = Workshop::new();
    let channels = json!([8, 8, 8, 8]);
    let vae = json!({
        "_class_name": "AutoencoderTiny",
        "encoder_block_out_channels": channels, "decoder_block_out_channels": channels,
        "num_encoder_blocks": [1, 1, 1, 1], "num_decoder_blocks": [1, 1, 1, 1],
    });
    std::fs::write(workshop.config.path().join("vae/config.json"), vae.to_string()).unwrap();
    let config = RandomConfig::Folder(workshop.config.path().to_owned());
    Workshop { base: BaseModel::open(&ModelReference::Random { config, seed: 7 }).unwrap(), ..workshop }
}

/// The number in the original's code is that of an `AutoencoderKL`'s latents.
#[test]
fn the_faithful_profile_leaves_a_tiny_autoencoders_latents_as_they_are() {
    let workshop = with_tiny_autoencoder();
    let losses = |factor| {
        let request = json!({"profile": "faithful", "text_steps": 0, "latent_scaling_factor": factor});
        let report = workshop.trained(&request).report;
        (report.recipe.latent_scaling_factor, report.stages[0].losses.clone())
    };
    let (factor, left_out) = losses(None);
    assert_eq!(factor, None, "the autoencoder's own");
    assert_eq!(losses(Some(1.0)), (Some(1.0), left_out.clone()));
    assert_ne!(losses(Some(0.18215)).1, left_out, "but whoever asks for a factor gets it");
}
