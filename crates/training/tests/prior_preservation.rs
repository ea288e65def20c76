//! Images of the class beside those of the concept: given, drawn by the base model, or kept from an earlier training.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::PathBuf;

use protocol::{JobEvent, Stage};
use serde_json::{Value, json};
use support::atelier::Atelier;
use support::{Workshop, bits};
use training::{Trained, TrainingError};

/// A workshop with a painter and a cache.
fn workshop() -> Workshop {
    Workshop { atelier: Some(Atelier::default()), class_cache: Some(tempfile::tempdir().unwrap()), ..Workshop::new() }
}

/// A training of the UNet with `count` class images, changed by `changes`.
fn with_class(count: u32, changes: &Value) -> Value {
    let mut all = json!({"class_prompt": "a dog", "num_class_images": count, "text_steps": 0});
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    all
}

/// What was drawn since the last time.
fn drawn(workshop: &Workshop) -> Vec<(String, u64)> {
    workshop.atelier.as_ref().unwrap().drawn.take()
}

fn all_bits(trained: &Trained) -> Vec<Vec<u32>> {
    let networks = [&trained.text_encoder, &trained.unet].into_iter().flatten();
    networks.flat_map(|network| bits(network)).collect()
}

fn cached(workshop: &Workshop) -> Vec<PathBuf> {
    let folders = fs::read_dir(workshop.class_cache.as_ref().unwrap().path()).unwrap();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn the_base_model_draws_the_class_before_the_training_and_says_so() {
    let workshop = workshop();
    let (trained, events) = workshop.run(&with_class(4, &json!({})));
    let report = trained.unwrap().report;
    let drawn = drawn(&workshop);
    assert_eq!(drawn.len(), 4);
    assert!(drawn.iter().all(|(prompt, _)| prompt == "a dog"));
    assert!((1..4).all(|index| drawn[index].1 != drawn[0].1), "each with a seed of its own: {drawn:?}");
    assert_eq!(report.class_images.len(), 4);
    assert!(report.class_images.iter().all(|image| image.caption == "a dog"));

    let told =
        |event: &&JobEvent| matches!(event, JobEvent::Note { message } if message.contains("4 pictures of \"a dog\""));
    assert_eq!(events.iter().filter(told).count(), 1);
    let steps = |event: &&JobEvent| matches!(event, JobEvent::Step { stage: Stage::Prepare, total: 4, .. });
    assert_eq!(events.iter().filter(steps).count(), 4);
    assert_eq!(fs::read_dir(workshop.scratch.path()).unwrap().count(), 0, "nothing is left in the job's folder");
}

#[test]
fn another_training_with_the_same_base_and_prompt_finds_the_pictures_and_trains_the_same_bits() {
    let workshop = workshop();
    let first = workshop.trained(&with_class(3, &json!({})));
    let seeds = drawn(&workshop);
    let again = workshop.trained(&with_class(3, &json!({})));
    assert_eq!(drawn(&workshop), []);
    assert!(all_bits(&first) == all_bits(&again));

    workshop.trained(&with_class(5, &json!({})));
    let more = drawn(&workshop);
    assert_eq!(more.len(), 2, "only what is still missing is drawn");
    assert!(more.iter().all(|picture| !seeds.contains(picture)));

    for other in [json!({"class_prompt": "a cat"}), json!({"unet_seed": 7})] {
        workshop.trained(&with_class(1, &other));
        assert_eq!(drawn(&workshop).len(), 1, "{other} asks for other pictures");
    }
    let elsewhere = Workshop { class_cache: workshop.class_cache, ..self::workshop() };
    elsewhere.trained(&with_class(3, &json!({})));
    assert_eq!(drawn(&elsewhere), [], "a copy of the base model at another place is the same base model");
}

#[test]
fn a_damaged_cache_is_drawn_anew() {
    let workshop = workshop();
    let whole = workshop.trained(&with_class(3, &json!({})));
    let (files, seeds) = (cached(&workshop), drawn(&workshop));
    assert_eq!(files.iter().filter(|file| file.extension().unwrap() == "png").count(), 3);
    fs::write(&files[1], b"no picture").unwrap();
    let mended = workshop.trained(&with_class(3, &json!({})));
    assert_eq!(drawn(&workshop), [seeds[1].clone()]);
    assert!(all_bits(&whole) == all_bits(&mended));
}

#[test]
fn a_cache_that_cannot_be_written_costs_a_warning() {
    let mut workshop = workshop();
    let cache = tempfile::tempdir().unwrap();
    let blocked = cache.path().to_owned();
    fs::remove_dir(&blocked).unwrap();
    fs::write(&blocked, b"a file is in the folder's place").unwrap();
    workshop.class_cache = Some(cache);
    let (trained, events) = workshop.run(&with_class(2, &json!({})));
    fs::remove_file(blocked).unwrap();
    assert_eq!(trained.unwrap().report.class_images.len(), 2);
    let warned =
        |event: &&JobEvent| matches!(event, JobEvent::Warning { message } if message.contains("kept for later"));
    assert_eq!(events.iter().filter(warned).count(), 1);
}

#[test]
fn given_images_of_the_class_come_first_and_only_the_rest_is_drawn() {
    let mut workshop = workshop();
    let class = tempfile::tempdir().unwrap();
    for name in ["a.png", "b.png"] {
        fs::copy(workshop.images.path().join("sks dog (0).png"), class.path().join(name)).unwrap();
    }
    workshop.class_images = Some(class);
    let report = workshop.trained(&with_class(3, &json!({}))).report;
    assert_eq!(drawn(&workshop).len(), 1);
    let files: Vec<&str> = report.class_images.iter().map(|image| image.file.as_str()).collect();
    assert_eq!(files, ["a.png", "b.png", "drawn: a dog (0000)"]);
    workshop.trained(&with_class(2, &json!({})));
    assert_eq!(drawn(&workshop), []);
}

#[test]
fn the_class_counts_in_both_stages_as_much_as_its_weight_says() {
    let workshop = workshop();
    let losses = |changes: Value| {
        let stages = workshop.trained(&changes).report.stages;
        stages.into_iter().map(|stage| stage.losses[0]).collect::<Vec<f64>>()
    };
    let weighed = |weight: f64| losses(with_class(2, &json!({"prior_loss_weight": weight, "text_steps": 1})));
    let (none, half, whole) = (weighed(0.0), weighed(0.5), weighed(1.0));
    for stage in 0..2 {
        assert!(whole[stage] > none[stage]);
        // Before the first update the loss is linear in the weight.
        let middle = f64::midpoint(none[stage], whole[stage]);
        if stage == 0 {
            assert!((half[stage] / middle - 1.0).abs() < 1e-5, "{none:?}, {half:?}, {whole:?}");
        }
    }
}

#[test]
fn each_of_several_concepts_trains_its_own_caption_photos_and_class() {
    let mut workshop = workshop();
    let photos = ["rex", "tom"].map(|folder| workshop.images.path().join(folder));
    for (index, folder) in photos.iter().enumerate() {
        fs::create_dir(folder).unwrap();
        fs::rename(workshop.images.path().join(format!("sks dog ({index}).png")), folder.join("1.png")).unwrap();
    }
    let given = tempfile::tempdir().unwrap();
    fs::create_dir(given.path().join("tom")).unwrap();
    fs::copy(workshop.images.path().join("sks dog (2).png"), given.path().join("tom/given.png")).unwrap();
    workshop.class_images = Some(given);
    let changes = json!({
        "num_class_images": 2,
        "concepts": [
            {"concept_name": "sks dog", "folder": "rex", "class_prompt": "a dog"},
            {"concept_name": "zwx cat", "folder": "tom", "class_prompt": "a cat"},
        ],
    });
    let trained = workshop.trained(&changes);
    let named = |images: &[training::report::ImageReport]| -> Vec<(String, String)> {
        images.iter().map(|image| (image.file.clone(), image.caption.clone())).collect()
    };
    let pair = |file: &str, caption: &str| (file.to_owned(), caption.to_owned());
    assert_eq!(named(&trained.report.images), [pair("rex/1.png", "sks dog"), pair("tom/1.png", "zwx cat")]);
    assert_eq!(
        named(&trained.report.class_images),
        [
            pair("drawn: a dog (0000)", "a dog"),
            pair("drawn: a dog (0001)", "a dog"),
            pair("tom/given.png", "a cat"),
            pair("drawn: a cat (0000)", "a cat"),
        ]
    );

    // What a caption learns depends on whose photos it stands with.
    let mut crossed = changes;
    crossed["concepts"][0]["folder"] = "tom".into();
    crossed["concepts"][1]["folder"] = "rex".into();
    let crossed = workshop.trained(&crossed);
    assert_eq!(named(&crossed.report.images), [pair("tom/1.png", "sks dog"), pair("rex/1.png", "zwx cat")]);
    assert!(all_bits(&trained) != all_bits(&crossed));
}

#[test]
fn two_concepts_of_one_class_do_not_share_its_pictures() {
    let workshop = workshop();
    for (index, folder) in ["rex", "tom"].iter().enumerate() {
        let folder = workshop.images.path().join(folder);
        fs::create_dir(&folder).unwrap();
        fs::rename(workshop.images.path().join(format!("sks dog ({index}).png")), folder.join("1.png")).unwrap();
    }
    let changes = json!({
        "num_class_images": 2, "class_prompt": "a dog",
        "concepts": [{"concept_name": "sks", "folder": "rex"}, {"concept_name": "zwx", "folder": "tom"}],
    });
    let report = workshop.trained(&changes).report;
    let mut seeds: Vec<u64> = drawn(&workshop).into_iter().map(|(_, seed)| seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!((seeds.len(), report.class_images.len()), (4, 4));
}

#[test]
fn a_picture_that_cannot_be_drawn_ends_the_training_and_more_than_the_limit_is_refused() {
    let on_strike = Workshop { atelier: Some(Atelier { on_strike: true, ..Atelier::default() }), ..Workshop::new() };
    let error = on_strike.run(&with_class(1, &json!({}))).0.unwrap_err();
    assert_eq!(error.to_string(), "the painter is on strike");

    let mut concepts = Vec::new();
    for (index, folder) in ["rex", "tom"].iter().enumerate() {
        let dir = on_strike.images.path().join(folder);
        fs::create_dir(&dir).unwrap();
        fs::rename(on_strike.images.path().join(format!("sks dog ({index}).png")), dir.join("1.png")).unwrap();
        concepts.push(json!({"concept_name": folder, "folder": folder}));
    }
    let error = on_strike.run(&with_class(600, &json!({"concepts": concepts}))).0.unwrap_err();
    assert!(matches!(error, TrainingError::TooManyClassImages { found: 1200, .. }), "{error}");
}

#[test]
fn a_training_is_left_while_its_class_is_drawn() {
    let workshop = workshop();
    let second = |event: &JobEvent| matches!(event, JobEvent::Step { stage: Stage::Prepare, step: 2, total: 4, .. });
    let (trained, _) = workshop.run_until(&with_class(4, &json!({})), |events| events.last().is_some_and(second));
    assert!(matches!(trained.unwrap_err(), TrainingError::Stopped));
    assert_eq!(drawn(&workshop).len(), 2);
    workshop.trained(&with_class(4, &json!({})));
    assert_eq!(drawn(&workshop).len(), 2, "what was drawn is not drawn again");
}
