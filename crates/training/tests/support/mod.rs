//! A tiny base model with random weights, a tiny data set, and the shortest job that trains on them.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod atelier;

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::Precision;
use engine::tch::{Device, Tensor};
use image::{Rgb, RgbImage};
use model::base::BaseModel;
use protocol::{FidelityModels, JobEvent, Leave, Occasion, TrainSettings};
use serde_json::{Value, json};
use tempfile::TempDir;
use training::painter::Pictures;
use training::{Trained, TrainingError, TrainingJob, remove_checkpoints, train};

use atelier::Atelier;

/// A folder with the sizes of a model that has every block of Stable Diffusion 1.5, but hardly any channels.
fn write_config(dir: &Path, vocabulary: i64) {
    let configs = [
        (
            "text_encoder/config.json",
            json!({
                "vocab_size": vocabulary, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2,
                "num_attention_heads": 2, "max_position_embeddings": 77, "hidden_act": "quick_gelu",
            }),
        ),
        (
            "unet/config.json",
            json!({
                "in_channels": 4, "out_channels": 4, "block_out_channels": [8, 8, 16, 16], "layers_per_block": 1,
                "cross_attention_dim": 8, "attention_head_dim": 2, "norm_num_groups": 4,
                "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
                "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
            }),
        ),
        (
            "vae/config.json",
            json!({
                "in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": [8, 8, 8, 8],
                "layers_per_block": 1, "norm_num_groups": 4,
            }),
        ),
    ];
    for (name, config) in configs {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, config.to_string()).unwrap();
    }
}

/// A base model and three small photos, one of them upright, one lying, one square.
pub(crate) struct Workshop {
    pub(crate) base: BaseModel,
    pub(crate) images: TempDir,
    pub(crate) class_images: Option<TempDir>,
    pub(crate) scratch: TempDir,
    pub(crate) device: Device,
    pub(crate) precision: Precision,
    pub(crate) atelier: Option<Atelier>,
    pub(crate) class_cache: Option<TempDir>,
    pub(crate) fidelity: Option<FidelityModels>,
    pub(crate) config: TempDir,
}

/// Where a workshop lies: another process finds it there.
pub(crate) struct Places {
    pub(crate) config: PathBuf,
    pub(crate) images: PathBuf,
    pub(crate) scratch: PathBuf,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self::with_vocabulary(49408)
    }

    pub(crate) fn with_vocabulary(vocabulary: i64) -> Self {
        let config = tempfile::tempdir().unwrap();
        write_config(config.path(), vocabulary);
        let images = tempfile::tempdir().unwrap();
        for (index, (width, height)) in [(80, 64), (64, 96), (64, 64)].into_iter().enumerate() {
            let pixel = |x: u32, y: u32| Rgb([(3 * x) as u8, (2 * y) as u8, (40 * index) as u8]);
            RgbImage::from_fn(width, height, pixel).save(images.path().join(format!("sks dog ({index}).png"))).unwrap();
        }
        let scratch = tempfile::tempdir().unwrap();
        Self {
            base: base(config.path()),
            images,
            class_images: None,
            scratch,
            device: Device::Cpu,
            precision: Precision::Fp32,
            atelier: None,
            class_cache: None,
            fidelity: None,
            config,
        }
    }

    /// Trains anew with the shortest settings, changed by `changes`; all events are kept.
    pub(crate) fn run(&self, changes: &Value) -> (Result<Trained, TrainingError>, Vec<JobEvent>) {
        self.run_until(changes, |_| false)
    }

    /// [`Workshop::run`], left once `enough` says so of the events so far.
    pub(crate) fn run_until(
        &self,
        changes: &Value,
        enough: impl Fn(&[JobEvent]) -> bool,
    ) -> (Result<Trained, TrainingError>, Vec<JobEvent>) {
        let events = RefCell::new(Vec::new());
        remove_checkpoints(self.scratch.path()).unwrap();
        let trained = self.run_with(changes, None, &mut |event| events.borrow_mut().push(event), &|| {
            enough(&events.borrow()).then_some(Leave::Drop)
        });
        (trained, events.into_inner())
    }

    /// Trains with an observer and a word to leave of the test's own, and checkpoints every so many steps.
    pub(crate) fn run_with(
        &self,
        changes: &Value,
        checkpoint_steps: Option<u32>,
        observer: &mut dyn FnMut(JobEvent),
        stop: &dyn Fn() -> Option<Leave>,
    ) -> Result<Trained, TrainingError> {
        let settings = settings(changes);
        let keep = |name: &str, content, png: &[u8]| match &self.atelier {
            Some(atelier) => atelier.keep(name, content, png),
            None => Ok(()),
        };
        let job = TrainingJob {
            base: &self.base,
            settings: &settings,
            images_dir: self.images.path(),
            class_images_dir: self.class_images.as_ref().map(TempDir::path),
            scratch_dir: self.scratch.path(),
            checkpoint_steps,
            device: self.device,
            precision: self.precision,
            pictures: self.atelier.as_ref().map(|painter| Pictures { painter, keep: &keep }),
            class_cache_dir: self.class_cache.as_ref().map(TempDir::path),
            fidelity: self.fidelity.as_ref(),
        };
        train_as(&job, observer, stop)
    }

    pub(crate) fn places(&self) -> Places {
        let [config, images, scratch] = [&self.config, &self.images, &self.scratch].map(|dir| dir.path().to_owned());
        Places { config, images, scratch }
    }

    pub(crate) fn trained(&self, changes: &Value) -> Trained {
        self.run(changes).0.unwrap()
    }
}

impl Places {
    /// [`Workshop::run_with`] in the process of another than the workshop's owner.
    pub(crate) fn run_with(
        &self,
        changes: &Value,
        checkpoint_steps: Option<u32>,
        observer: &mut dyn FnMut(JobEvent),
        stop: &dyn Fn() -> Option<Leave>,
    ) -> Result<Trained, TrainingError> {
        let settings = settings(changes);
        let job = TrainingJob {
            base: &base(&self.config),
            settings: &settings,
            images_dir: &self.images,
            class_images_dir: None,
            scratch_dir: &self.scratch,
            checkpoint_steps,
            device: Device::Cpu,
            precision: Precision::Fp32,
            pictures: None,
            class_cache_dir: None,
            fidelity: None,
        };
        train_as(&job, observer, stop)
    }
}

fn base(config: &Path) -> BaseModel {
    BaseModel::open(&format!("random:{}@7", config.display()).parse().unwrap()).unwrap()
}

fn train_as(
    job: &TrainingJob<'_>,
    observer: &mut dyn FnMut(JobEvent),
    stop: &dyn Fn() -> Option<Leave>,
) -> Result<Trained, TrainingError> {
    train(
        job,
        &mut Occasion { observer, draw_seed: &mut || 0, clock: &|| Duration::ZERO, job_timestamp: String::new(), stop },
    )
}

/// Every bit of what was trained and of every loss, in text.
pub(crate) fn fingerprint(trained: &Trained) -> String {
    let losses = trained.report.stages.iter().flat_map(|stage| &stage.losses).map(|loss| loss.to_bits());
    let networks = [&trained.text_encoder, &trained.unet].into_iter().flatten();
    let weights = networks.flat_map(|network| bits(network)).flatten();
    losses.map(|bits| format!("{bits:016x}")).chain(weights.map(|bits| format!("{bits:08x}"))).collect()
}

/// Three steps of each stage at 64 pixels, changed by `changes`.
pub(crate) fn settings(changes: &Value) -> TrainSettings {
    let mut settings = json!({
        "text_steps": 3, "text_resolution": 64, "text_learning_rate": 1e-4,
        "unet_epochs": 1, "unet_resolution": 64, "unet_learning_rate": 1e-4,
    });
    for (key, value) in changes.as_object().unwrap() {
        settings[key] = value.clone();
    }
    TrainSettings::parse_alone(settings, "train").unwrap()
}

/// The bits of all weights.
pub(crate) fn bits(parameters: &[(String, Tensor)]) -> Vec<Vec<u32>> {
    let numbers = |tensor: &Tensor| Vec::<f32>::try_from(tensor.detach().flatten(0, -1)).unwrap();
    parameters.iter().map(|(_, tensor)| numbers(tensor).into_iter().map(f32::to_bits).collect()).collect()
}
