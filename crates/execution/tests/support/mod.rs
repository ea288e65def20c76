//! A job of the miniature model, and everything that is said and made while it is done.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use engine::DeviceChoice;
use execution::error::Result;
use execution::{Compute, Warm, execute};
use image::{Rgb, RgbImage};
use protocol::child::{FidelityModels, TrainAssignment};
use protocol::{Assignment, JobEvent, JobOutput, Leave, MadeFile, Occasion, TrainSettings, Txt2ImgParams};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The folders of one job.
pub(crate) struct Job {
    dir: TempDir,
}

/// What one execution came to.
pub(crate) struct Executed {
    pub(crate) output: Result<JobOutput<String>>,
    pub(crate) events: Vec<JobEvent>,
    pub(crate) files: Vec<MadeFile>,
}

impl Job {
    pub(crate) fn new() -> Self {
        let job = Self { dir: tempfile::tempdir().unwrap() };
        for folder in ["images", "out", "scratch"] {
            fs::create_dir(job.path(folder)).unwrap();
        }
        let photo = RgbImage::from_fn(64, 64, |x, y| Rgb([(3 * x) as u8, (2 * y) as u8, 90]));
        photo.save(job.path("images").join("sks dog.png")).unwrap();
        job
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn out(&self, file: &str) -> PathBuf {
        self.path("out").join(file)
    }

    /// Two steps of each stage.
    pub(crate) fn training(&self) -> TrainAssignment {
        let settings = json!({
            "text_steps": 2, "text_resolution": 64, "unet_epochs": 2, "unet_resolution": 64, "unet_learning_rate": 1e-4,
        });
        let settings = TrainSettings::parse_alone(settings, "train").unwrap();
        TrainAssignment {
            settings,
            images_dir: self.path("images"),
            class_images_dir: None,
            class_cache_dir: None,
            checkpoint_steps: None,
            fidelity: FidelityModels::default(),
        }
    }

    pub(crate) fn assignment(&self, train: Option<TrainAssignment>, inference: &[Value]) -> Assignment {
        let item = |value: &Value| Txt2ImgParams::parse_item(value.clone(), "item").unwrap();
        Assignment {
            job: "job-1".parse().unwrap(),
            model: "mini".into(),
            train,
            inference: inference.iter().map(item).collect(),
            out_dir: self.path("out"),
            scratch_dir: self.path("scratch"),
        }
    }
}

/// A small picture in two steps.
pub(crate) fn picture(seed: u64) -> Value {
    json!({"prompt": "a photo of sks dog", "seed": seed, "steps": 2, "width": 64, "height": 64})
}

pub(crate) fn cpu() -> Compute {
    Compute::open("cpu".parse::<DeviceChoice>().unwrap(), None).unwrap()
}

pub(crate) fn run(assignment: &Assignment, warm: &mut Warm) -> Executed {
    run_until(assignment, warm, |_| false)
}

/// Told to stop once `enough` says so of the events so far. Every file is looked at when it is announced.
pub(crate) fn run_until(assignment: &Assignment, warm: &mut Warm, enough: impl Fn(&[JobEvent]) -> bool) -> Executed {
    let (events, mut files) = (RefCell::new(Vec::new()), Vec::new());
    let mut occasion = Occasion {
        observer: &mut |event| events.borrow_mut().push(event),
        draw_seed: &mut || 7,
        clock: &|| Duration::ZERO,
        job_timestamp: "20261123120000".into(),
        stop: &|| enough(&events.borrow()).then_some(Leave::Drop),
    };
    let output = execute(assignment, cpu(), &mut occasion, warm, &mut |made: MadeFile| {
        let bytes = fs::read(assignment.out_dir.join(&made.file)).unwrap();
        assert!(!bytes.is_empty(), "{} is announced when it is there", made.file);
        files.push(made);
    });
    Executed { output, events: events.into_inner(), files }
}
