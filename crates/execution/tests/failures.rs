//! What goes wrong in a child has a code, and the code says whose fault it is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io;

use execution::{ExecutionError, Warm};
use model::ModelError;
use protocol::{Blame, Failure, FailureCode, Stage};
use support::{Job, picture, run};
use training::TrainingError;
use txt2img::Txt2ImgError;

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

#[test]
fn every_failure_has_its_code_and_its_blame() {
    let diverged = TrainingError::Diverged { stage: Stage::Unet, step: 3, what: "the loss", learning_rate: 0.5 };
    let path = || "model.safetensors".into();
    let cases: Vec<(ExecutionError, FailureCode, Blame)> = vec![
        (TrainingError::NoImages.into(), FailureCode::DataNoImages, Blame::Owner),
        (TrainingError::TooManyImages { found: 1001, most: 1000 }.into(), FailureCode::DataTooLarge, Blame::Owner),
        (
            TrainingError::ForeignImages { files: 1, example: "IMG_1.HEIC".into() }.into(),
            FailureCode::DataNoImages,
            Blame::Owner,
        ),
        (
            TrainingError::ConceptFolder { concept: "zwx".into(), folder: "dog".into(), problem: "is absent" }.into(),
            FailureCode::DataNoImages,
            Blame::Owner,
        ),
        (
            TrainingError::NoUsableImages { images: 2, path: "a.jpg".into(), reason: "it is empty".into() }.into(),
            FailureCode::DataUnusableImage,
            Blame::Owner,
        ),
        (TrainingError::TooManyClassImages { found: 1001, most: 1000 }.into(), FailureCode::DataTooLarge, Blame::Owner),
        (
            TrainingError::HeldOut { held_out: 5, usable: 5, most: 4 }.into(),
            FailureCode::SettingsUnusable,
            Blame::Owner,
        ),
        (diverged.into(), FailureCode::TrainingDiverged, Blame::Owner),
        (
            TrainingError::LearningRate { field: "unet_learning_rate", learning_rate: 1e-9, end: 1e-7 }.into(),
            FailureCode::SettingsUnusable,
            Blame::Owner,
        ),
        (TrainingError::Park { folder: path(), source: full() }.into(), FailureCode::DiskFull, Blame::Machine),
        (TrainingError::TextEncoder { tokens: 1, positions: 1 }.into(), FailureCode::ModelUnusable, Blame::Owner),
        (
            ModelError::MissingTensor { path: path(), name: "conv_in.weight".into() }.into(),
            FailureCode::ModelUnusable,
            Blame::Owner,
        ),
        (
            ModelError::BeyondHalf { name: "conv_in.weight".into(), largest: 1e5 }.into(),
            FailureCode::WeightOutOfRange,
            Blame::Owner,
        ),
        (ModelError::Io { path: path(), source: full() }.into(), FailureCode::DiskFull, Blame::Machine),
        (
            ModelError::Io { path: path(), source: io::Error::from(io::ErrorKind::PermissionDenied) }.into(),
            FailureCode::FileError,
            Blame::Machine,
        ),
        (Txt2ImgError::NotFinite { network: "VAE" }.into(), FailureCode::PictureNotFinite, Blame::Owner),
        (ExecutionError::Write { path: path(), source: full() }, FailureCode::DiskFull, Blame::Machine),
    ];
    for (error, code, blame) in cases {
        let sentence = error.to_string();
        let failure = Failure::from(error);
        assert_eq!((failure.code, failure.blame), (code, blame), "{sentence}");
        assert_eq!(failure.sentence, sentence);
    }
}

#[test]
fn a_lack_of_memory_names_the_settings_to_change() {
    let torch = |words: &str| engine::tch::TchError::Torch(words.into());
    for words in [
        "CUDA out of memory. Tried to allocate 20.00 MiB",
        "[enforce fail at alloc_cpu.cpp:128] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes",
    ] {
        for error in [
            ExecutionError::from(TrainingError::Tensor(torch(words))),
            ExecutionError::from(Txt2ImgError::Model(ModelError::Tensor(torch(words)))),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.code, FailureCode::OutOfMemory);
            assert!(failure.sentence.contains("lower input.train.unet_resolution"), "{failure}");
        }
    }
    let other = Failure::from(ExecutionError::from(TrainingError::Tensor(torch("size mismatch"))));
    assert_eq!(other.code, FailureCode::Internal);
}

#[test]
fn a_photo_that_is_none_is_the_owners_fault_where_there_is_no_other() {
    let job = Job::new();
    fs::remove_dir_all(job.path("images")).unwrap();
    fs::create_dir(job.path("images")).unwrap();
    fs::write(job.path("images").join("broken.jpg"), b"no picture").unwrap();
    let failed = run(&job.assignment(Some(job.training()), &[]), &mut Warm::default());
    let failure = Failure::from(failed.output.unwrap_err());
    assert_eq!((failure.code, failure.blame), (FailureCode::DataUnusableImage, Blame::Owner));
    assert!(failure.sentence.starts_with("broken.jpg is not a usable image"), "{failure}");
}

#[test]
fn a_folder_that_cannot_be_written_is_the_machines_fault() {
    let job = Job::new();
    let mut assignment = job.assignment(None, &[picture(1)]);
    assignment.out_dir = job.path("absent");
    let failure = Failure::from(run(&assignment, &mut Warm::default()).output.unwrap_err());
    assert_eq!((failure.code, failure.blame), (FailureCode::FileError, Blame::Machine));
}
