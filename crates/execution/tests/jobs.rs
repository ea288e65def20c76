//! Whole jobs through `execute`: what is made, announced, kept warm and not made twice.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use execution::Warm;
use protocol::{FileContent, JobEvent, MadeFile, Stage};
use serde_json::json;
use support::{Job, picture, run, run_until};

#[test]
fn every_file_is_announced_when_it_is_there_and_named_in_the_output() {
    let job = Job::new();
    let mut item = picture(11);
    item["n_iter"] = 2.into();
    item["passback"] = json!({"order": 5});
    let done = run(&job.assignment(Some(job.training()), &[item, picture(3)]), &mut Warm::default());
    let output = done.output.unwrap();
    let announced: Vec<(&str, &FileContent)> =
        done.files.iter().map(|made| (made.file.as_str(), &made.content)).collect();
    let image = |item, index, seed| FileContent::Image { item, index, seed };
    assert_eq!(
        announced,
        [
            ("job-1.safetensors", &FileContent::Model),
            ("job-1.ckpt", &FileContent::Model),
            ("train.html", &FileContent::Report),
            ("train.json", &FileContent::Report),
            ("0-0.png", &image(0, 0, 11)),
            ("0-1.png", &image(0, 1, 12)),
            ("1-0.png", &image(1, 0, 3)),
        ]
    );
    let train = output.train.unwrap();
    assert_eq!((train.checkpoint.as_deref(), train.report.as_str()), (Some("job-1.ckpt"), "train.json"));
    assert_eq!(output.inference[0].images, ["0-0.png", "0-1.png"]);
    assert_eq!(output.inference[0].passback, Some(json!({"order": 5})));
    assert_eq!(output.inference[1].images, ["1-0.png"]);
    let names: Vec<_> = fs::read_dir(job.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 7, "and nothing else lies there: {names:?}");
    assert_eq!(fs::read_dir(job.path("scratch")).unwrap().count(), 0);
}

#[test]
fn a_model_in_diffusers_layout_is_made_where_it_is_asked_for() {
    let job = Job::new();
    let mut training = job.training();
    training.settings.export_diffusers = true;
    let done = run(&job.assignment(Some(training), &[]), &mut Warm::default());
    assert_eq!(done.output.unwrap().train.unwrap().diffusers.as_deref(), Some("job-1.diffusers.zip"));
    assert!(done.files.iter().any(|made| made.file == "job-1.diffusers.zip" && made.content == FileContent::Model));
    let zip = fs::read(job.out("job-1.diffusers.zip")).unwrap();
    for file in ["model_index.json", "unet/config.json", "text_encoder/model.safetensors", "vae/config.json"] {
        assert!(zip.windows(file.len()).any(|bytes| bytes == file.as_bytes()), "{file} is in the zip");
    }
    assert_eq!(fs::read_dir(job.path("scratch")).unwrap().count(), 0);
}

#[test]
fn a_training_that_an_earlier_attempt_finished_is_not_done_again() {
    let job = Job::new();
    let assignment = job.assignment(Some(job.training()), &[picture(1)]);
    let first = run(&assignment, &mut Warm::default());
    let (model, drawn) = (fs::read(job.out("job-1.safetensors")).unwrap(), fs::read(job.out("0-0.png")).unwrap());
    fs::remove_file(job.out("0-0.png")).unwrap();
    let second = run(&assignment, &mut Warm::default());
    assert_eq!(second.output.unwrap(), first.output.unwrap());
    assert_eq!(second.files, first.files, "its files are the new attempt's, too");
    let trained = |event: &JobEvent| matches!(event, JobEvent::Step { stage: Stage::Text | Stage::Unet, .. });
    assert!(first.events.iter().any(trained) && !second.events.iter().any(trained));
    assert!(fs::read(job.out("job-1.safetensors")).unwrap() == model);
    assert!(fs::read(job.out("0-0.png")).unwrap() == drawn, "the same bits as without the interruption");
}

#[test]
fn a_training_that_was_interrupted_before_its_report_is_done_again() {
    let job = Job::new();
    let assignment = job.assignment(Some(job.training()), &[]);
    run(&assignment, &mut Warm::default()).output.unwrap();
    fs::remove_file(job.out("train.json")).unwrap();
    let again = run(&assignment, &mut Warm::default());
    assert!(again.events.iter().any(|event| matches!(event, JobEvent::Step { stage: Stage::Unet, .. })));
}

#[test]
fn a_training_draws_its_class_first_and_samples_on_the_way_which_are_told_again_by_the_next_attempt() {
    let job = Job::new();
    let mut training = job.training();
    training.settings.class_prompt = Some("a dog".into());
    training.settings.num_class_images = 1;
    training.settings.sample_steps = Some(2);
    training.class_cache_dir = Some(job.path("class-pictures"));
    let assignment = job.assignment(Some(training), &[]);
    let done = run(&assignment, &mut Warm::default());
    done.output.unwrap();
    let sample = |stage| MadeFile {
        file: format!("sample-{stage}-00002-0.png"),
        content: FileContent::Sample { stage, step: 2 },
    };
    assert_eq!(done.files[..2], [sample(Stage::Text), sample(Stage::Unet)]);
    let picture = image::open(job.out("sample-unet-00002-0.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (64, 64));
    let report: serde_json::Value = serde_json::from_slice(&fs::read(job.out("train.json")).unwrap()).unwrap();
    assert_eq!(report["stages"][1]["samples"][0]["file"], "sample-unet-00002-0.png");
    assert_eq!(report["class_images"][0]["caption"], "a dog");
    let draws =
        |event: &JobEvent| matches!(event, JobEvent::Note { message } if message.contains("draws 1 picture of"));
    assert!(done.events.iter().any(draws));

    let again = run(&assignment, &mut Warm::default());
    assert_eq!(again.files, done.files, "in the same order, though nothing was drawn");

    fs::remove_file(job.out("train.json")).unwrap();
    let anew = run(&assignment, &mut Warm::default());
    assert!(!anew.events.iter().any(draws), "the class is in the cache");
}

#[test]
fn sample_pictures_are_judged_where_the_operator_has_judges_and_one_that_is_gone_costs_a_warning() {
    let job = Job::new();
    let mut training = job.training();
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/goldens/vision/dino");
    training.fidelity.dino_dir = Some(recorded);
    let done = run(&job.assignment(Some(training.clone()), &[]), &mut Warm::default());
    done.output.unwrap();
    let sample = |stage, step| MadeFile {
        file: format!("sample-{stage}-{step:05}-0.png"),
        content: FileContent::Sample { stage, step },
    };
    assert_eq!(
        done.files[..2],
        [sample(Stage::Text, 0), sample(Stage::Unet, 2)],
        "the base draws, then the trained model"
    );
    let report = || serde_json::from_slice::<serde_json::Value>(&fs::read(job.out("train.json")).unwrap()).unwrap();
    let fidelity = &report()["fidelity"];
    for when in ["before", "after"] {
        let dino = fidelity[when]["dino"].as_f64().unwrap();
        assert!((-1.0..=1.0).contains(&dino), "{dino}");
    }
    assert!(fs::read_to_string(job.out("train.html")).unwrap().contains("id=\"fidelity\""));

    fs::remove_file(job.out("train.json")).unwrap();
    training.fidelity.dino_dir = Some(job.path("nowhere"));
    let done = run(&job.assignment(Some(training), &[]), &mut Warm::default());
    done.output.unwrap();
    let is_told = |event: &JobEvent| matches!(event, JobEvent::Warning { message } if message.starts_with("How like the concept the sample pictures are could not be measured: "));
    assert!(done.events.iter().any(is_told));
    assert!(report().get("fidelity").is_none());
}

#[test]
fn a_second_drawing_finds_the_model_loaded_and_draws_the_same_bits() {
    let (job, mut warm) = (Job::new(), Warm::default());
    let assignment = job.assignment(None, &[picture(5)]);
    run(&assignment, &mut warm).output.unwrap();
    let first = fs::read(job.out("0-0.png")).unwrap();
    run(&assignment, &mut warm).output.unwrap();
    assert_eq!(warm.loads(), 1);
    assert!(fs::read(job.out("0-0.png")).unwrap() == first);

    run(&assignment, &mut Warm::default()).output.unwrap();
    assert!(fs::read(job.out("0-0.png")).unwrap() == first, "and so does a model that is loaded anew");
}

#[test]
fn another_model_or_a_changed_file_is_loaded_anew() {
    let (job, mut warm) = (Job::new(), Warm::default());
    let file = job.path("base.safetensors");
    model::BaseModel::open(&"mini".parse().unwrap()).unwrap().export(&file).unwrap();
    let mut assignment = job.assignment(None, &[picture(5)]);
    run(&assignment, &mut warm).output.unwrap();
    assignment.model = file.display().to_string();
    run(&assignment, &mut warm).output.unwrap();
    assert_eq!(warm.loads(), 2);
    run(&assignment, &mut warm).output.unwrap();
    assert_eq!(warm.loads(), 2);
    let later = fs::metadata(&file).unwrap().modified().unwrap() + std::time::Duration::from_secs(5);
    fs::File::open(&file).unwrap().set_modified(later).unwrap();
    run(&assignment, &mut warm).output.unwrap();
    assert_eq!(warm.loads(), 3, "the same name, another file");
}

#[test]
fn a_job_is_left_at_the_step_after_it_is_told_to_stop() {
    let job = Job::new();
    let assignment = job.assignment(Some(job.training()), &[picture(1)]);
    for stage in [Stage::Text, Stage::Unet, Stage::Inference] {
        let step = |event: &JobEvent| matches!(event, JobEvent::Step { stage: s, .. } if *s == stage);
        let left = run_until(&assignment, &mut Warm::default(), |events| events.iter().any(step));
        assert!(left.output.unwrap_err().is_stopped());
        assert_eq!(left.events.iter().filter(|event| step(event)).count(), 1, "no step of {stage} follows");
        assert!(!left.files.iter().any(|made| made.file.ends_with(".png")));
    }
}

#[test]
fn passing_seeds_draws_them_from_chance() {
    let job = Job::new();
    let mut item = picture(0);
    item["seed"] = (-1).into();
    let done = run(&job.assignment(None, &[item]), &mut Warm::default());
    assert_eq!(done.files[0].content, FileContent::Image { item: 0, index: 0, seed: 7 });
}
