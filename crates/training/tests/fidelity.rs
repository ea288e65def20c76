//! CLIP-I, CLIP-T and DINO of the sample pictures, before the training and after it, with judges whose vectors are held to
//! transformers' in the model's own tests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use engine::tch::{Device, Tensor};
use image::{Rgb, RgbImage};
use model::tokenizer::EOS;
use model::vision::{Clip, ClipFolder, DinoFolder, Picture};
use model::weights::named_tensors::{self, NamedTensorFile};
use protocol::{FidelityModels, JobEvent, Leave, Occasion, Stage};
use serde_json::{Value, json};
use support::atelier::Atelier;
use support::{Workshop, bits};
use tempfile::TempDir;
use training::fidelity::{Fidelity, Gallery, Scores, measure};
use training::{Report, TrainingError};

/// Sums of a few dozen products, in f64 from the same f32 vectors: only their order differs.
const TOLERANCE: f64 = 1e-9;

fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/goldens/vision").join(name)
}

/// The recorded CLIP with CLIP's own vocabulary: its 400 rows over and over, the last of them at the end.
fn clip_that_reads() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut config: Value = serde_json::from_slice(&fs::read(recorded("clip/config.json")).unwrap()).unwrap();
    config["text_config"]["vocab_size"] = (EOS + 1).into();
    config["text_config"]["eos_token_id"] = EOS.into();
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let processor = "preprocessor_config.json";
    fs::copy(recorded("clip").join(processor), folder.path().join(processor)).unwrap();
    let file = NamedTensorFile::open(&recorded("clip/model.safetensors")).unwrap();
    let tensor = |name: &str| {
        let tensor = file.tensor(name).unwrap();
        let is_vocabulary = name == "text_model.embeddings.token_embedding.weight";
        let tensor = if is_vocabulary { tensor.repeat([124, 1]).narrow(0, 0, EOS + 1).contiguous() } else { tensor };
        (name.to_owned(), tensor)
    };
    let tensors: Vec<(String, Tensor)> = file.names().into_iter().map(tensor).collect();
    let path = folder.path().join("model.safetensors");
    named_tensors::write(&mut File::create(&path).unwrap(), &path, &tensors, &BTreeMap::new()).unwrap();
    folder
}

fn models(clip: Option<&Path>, dino: bool) -> FidelityModels {
    FidelityModels { clip_dir: clip.map(Path::to_owned), dino_dir: dino.then(|| recorded("dino")) }
}

/// A workshop whose samples are judged by DINO.
fn workshop() -> Workshop {
    Workshop { atelier: Some(Atelier::default()), fidelity: Some(models(None, true)), ..Workshop::new() }
}

fn kept_names(workshop: &Workshop) -> Vec<String> {
    workshop.atelier.as_ref().unwrap().kept.borrow().iter().map(|(name, ..)| name.clone()).collect()
}

/// Measures the training that `report` is of, with the pictures that the workshop kept.
fn measured(workshop: &Workshop, report: &Report, models: &FidelityModels) -> Result<Option<Fidelity>, TrainingError> {
    measured_until(workshop, report, models, None)
}

fn measured_until(
    workshop: &Workshop,
    report: &Report,
    models: &FidelityModels,
    leave: Option<Leave>,
) -> Result<Option<Fidelity>, TrainingError> {
    let kept = workshop.atelier.as_ref().unwrap().kept.borrow();
    let read = |name: &str| kept.iter().find(|(kept, ..)| kept == name).map(|(_, _, png)| png.clone());
    let gallery = Gallery { images_dir: workshop.images.path(), read_sample: &read };
    let occasion = Occasion {
        observer: &mut |_: JobEvent| {},
        draw_seed: &mut || 0,
        clock: &|| std::time::Duration::ZERO,
        job_timestamp: String::new(),
        stop: &|| leave,
    };
    measure(report, models, &gallery, Device::Cpu, &occasion)
}

#[test]
fn where_there_are_judges_the_base_model_draws_first_and_the_trained_one_last() {
    let workshop = workshop();
    let prompts = json!({"sample_prompts": ["sks dog", "sks dog in Rome"]});
    workshop.trained(&prompts);
    let ends =
        ["sample-text-00000-0.png", "sample-text-00000-1.png", "sample-unet-00003-0.png", "sample-unet-00003-1.png"];
    assert_eq!(kept_names(&workshop), ends);

    let no_text_stage = self::workshop();
    no_text_stage.trained(&json!({"text_steps": 0, "sample_steps": 2}));
    let names = ["sample-unet-00000-0.png", "sample-unet-00002-0.png", "sample-unet-00003-0.png"];
    assert_eq!(kept_names(&no_text_stage), names);

    let without = Workshop { fidelity: None, ..self::workshop() };
    without.trained(&prompts);
    assert!(kept_names(&without).is_empty(), "and nobody draws what nobody judges");
}

#[test]
fn a_training_that_was_interrupted_is_still_compared_with_the_base_model() {
    let workshop = workshop();
    let steps = RefCell::new(0);
    let count =
        &mut |event| *steps.borrow_mut() += u32::from(matches!(event, JobEvent::Step { stage: Stage::Unet, .. }));
    let second_step = || (*steps.borrow() >= 2).then_some(Leave::Keep);
    let left = workshop.run_with(&json!({}), Some(1), count, &second_step);
    assert!(matches!(left, Err(TrainingError::Stopped)));
    let report = workshop.run_with(&json!({}), Some(1), &mut |_| {}, &|| None).unwrap().report;
    assert_eq!(report.resumed, 1);
    assert_eq!(kept_names(&workshop), ["sample-text-00000-0.png", "sample-unet-00003-0.png"], "each is drawn once");
    let fidelity = measured(&workshop, &report, &models(None, true)).unwrap().unwrap();
    assert!(fidelity.before.is_some());
}

#[test]
fn judging_changes_no_bit_of_the_training() {
    let trained = |workshop: &Workshop| {
        let trained = workshop.trained(&json!({"ema_decay": 0.9}));
        [trained.text_encoder, trained.unet].map(|network| bits(&network.unwrap()))
    };
    assert!(trained(&workshop()) == trained(&Workshop { fidelity: None, ..workshop() }));
}

fn picture(picture: &RgbImage) -> Picture {
    Picture::new(picture.width() as usize, picture.height() as usize, picture.clone().into_raw()).unwrap()
}

fn cosine(one: &Tensor, other: &Tensor) -> f64 {
    let [one, other] = [one, other].map(|vector| vector.to_kind(engine::tch::Kind::Double));
    (one.dot(&other) / (one.norm() * other.norm())).double_value(&[])
}

fn mean(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn assert_near(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() < TOLERANCE, "{found} is not {expected}");
}

#[test]
fn scores_are_mean_cosines_between_pictures_photos_and_prompts() {
    let clip_folder = clip_that_reads();
    let models = models(Some(clip_folder.path()), true);
    let workshop = Workshop { fidelity: Some(models.clone()), ..workshop() };
    let report = workshop.trained(&json!({"held_out_images": 1, "sample_prompts": ["sks dog", "a cat"]})).report;
    let fidelity = measured(&workshop, &report, &models).unwrap().unwrap();
    assert_eq!(fidelity.photos, 3, "those trained on and the one held out");
    assert_eq!(fidelity.dino_model.as_deref(), Some("dino"));

    let clip: Clip = ClipFolder::open(clip_folder.path()).unwrap().load(Device::Cpu).unwrap();
    let dino = DinoFolder::open(&recorded("dino")).unwrap().load(Device::Cpu).unwrap();
    let files = report.images.iter().chain(&report.held_out).map(|image| workshop.images.path().join(&image.file));
    let photos: Vec<Picture> = files.map(|file| picture(&image::open(file).unwrap().into_rgb8())).collect();
    let kept = workshop.atelier.as_ref().unwrap().kept.borrow();
    let sample = |name: &str| {
        let (.., png) = kept.iter().find(|(kept, ..)| kept == name).unwrap();
        picture(&image::load_from_memory(png).unwrap().into_rgb8())
    };
    let by_clip = |picture: &Picture| clip.embed_picture(picture).unwrap();
    let by_dino = |picture: &Picture| dino.embed_picture(picture).unwrap();
    for (index, prompt) in fidelity.prompts.iter().enumerate() {
        let text = clip.embed_prompt(&prompt.prompt).unwrap();
        let rounds = [("text-00000", prompt.before.unwrap()), ("unet-00002", prompt.after)];
        for (round, Scores { clip_i, clip_t, dino }) in rounds {
            let sample = sample(&format!("sample-{round}-{index}.png"));
            assert_near(clip_i, mean(photos.iter().map(|photo| cosine(&by_clip(photo), &by_clip(&sample)))));
            assert_near(dino, mean(photos.iter().map(|photo| cosine(&by_dino(photo), &by_dino(&sample)))));
            assert_near(clip_t, cosine(&text, &by_clip(&sample)));
        }
    }
    let of_prompts =
        |number: fn(&Scores) -> Option<f64>| mean(fidelity.prompts.iter().map(|prompt| number(&prompt.after).unwrap()));
    assert_near(fidelity.after.clip_i, of_prompts(|scores| scores.clip_i));
    assert_near(fidelity.after.clip_t, of_prompts(|scores| scores.clip_t));
    assert_near(
        fidelity.before.unwrap().dino,
        mean(fidelity.prompts.iter().map(|prompt| prompt.before.unwrap().dino.unwrap())),
    );
    let pairs = [(0, 1), (0, 2), (1, 2)].map(|(one, other)| cosine(&by_dino(&photos[one]), &by_dino(&photos[other])));
    assert_near(fidelity.among_photos.dino, mean(pairs));
    assert_eq!(fidelity.among_photos.clip_t, None);
}

#[test]
fn a_picture_that_is_the_photo_is_wholly_like_it() {
    let workshop = workshop();
    for number in 1..3 {
        fs::remove_file(workshop.images.path().join(format!("sks dog ({number}).png"))).unwrap();
    }
    let report = workshop.trained(&json!({"text_steps": 0})).report;
    let photo = fs::read(workshop.images.path().join("sks dog (0).png")).unwrap();
    workshop.atelier.as_ref().unwrap().kept.borrow_mut().last_mut().unwrap().2 = photo;
    let fidelity = measured(&workshop, &report, &models(None, true)).unwrap().unwrap();
    assert_near(fidelity.after.dino, 1.0);
    assert!(fidelity.before.unwrap().dino.unwrap() < 0.999);
    assert_eq!(fidelity.among_photos, Scores::default(), "one photo has no others");
    assert_eq!((fidelity.after.clip_i, fidelity.after.clip_t), (None, None), "CLIP is not there");
}

#[test]
fn a_prompt_that_names_a_concept_is_compared_with_its_photos_alone() {
    let workshop = workshop();
    let images = workshop.images.path();
    for (folder, red) in [("dog", 250_u8), ("cup", 10)] {
        fs::create_dir(images.join(folder)).unwrap();
        let photo = RgbImage::from_fn(64, 64, |x, y| {
            Rgb([red, (4 * x) as u8, if folder == "dog" { 0 } else { (4 * y) as u8 }])
        });
        photo.save(images.join(folder).join("photo.png")).unwrap();
    }
    let concepts = json!([{"concept_name": "sks dog", "folder": "dog"}, {"concept_name": "zwx cup", "folder": "cup"}]);
    let prompts = json!(["sks dog in Rome", "a lake"]);
    let report = workshop.trained(&json!({"text_steps": 0, "concepts": concepts, "sample_prompts": prompts})).report;
    let dog = fs::read(images.join("dog/photo.png")).unwrap();
    workshop.atelier.as_ref().unwrap().kept.borrow_mut().iter_mut().for_each(|(_, _, png)| *png = dog.clone());
    let fidelity = measured(&workshop, &report, &models(None, true)).unwrap().unwrap();
    assert_near(fidelity.prompts[0].after.dino, 1.0);
    assert!(fidelity.prompts[1].after.dino.unwrap() < 0.999, "it names none and is compared with all");
}

#[test]
fn without_judges_pictures_or_photos_there_is_nothing_and_no_fuss() {
    let workshop = workshop();
    let report = workshop.trained(&json!({"text_steps": 0})).report;
    let dino = models(None, true);
    assert!(measured(&workshop, &report, &FidelityModels::default()).unwrap().is_none());
    assert!(serde_json::to_value(&report).unwrap().get("fidelity").is_none());

    let stopped = measured_until(&workshop, &report, &dino, Some(Leave::Keep));
    assert!(matches!(stopped, Err(TrainingError::Stopped)));

    for number in 0..3 {
        fs::remove_file(workshop.images.path().join(format!("sks dog ({number}).png"))).unwrap();
    }
    assert!(measured(&workshop, &report, &dino).unwrap().is_none(), "no photo");
    workshop.atelier.as_ref().unwrap().kept.borrow_mut().clear();
    assert!(measured(&workshop, &report, &dino).unwrap().is_none(), "no picture");

    let nowhere = FidelityModels { clip_dir: Some("/nowhere/clip".into()), dino_dir: None };
    assert!(training::fidelity::judges::check_clip(nowhere.clip_dir.as_deref().unwrap()).is_err());
    assert!(training::fidelity::judges::check_dino(&recorded("dino")).is_ok());
}
