//! A tiny base model with random weights, a tiny data set, and the shortest job that trains on them.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::time::Duration;

use engine::Precision;
use engine::tch::{Device, Tensor};
use image::{Rgb, RgbImage};
use model::base::BaseModel;
use protocol::{JobEvent, Occasion, TrainSettings};
use serde_json::{Value, json};
use tempfile::TempDir;
use training::{Trained, TrainingError, TrainingJob, train};

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
    pub(crate) scratch: TempDir,
    pub(crate) precision: Precision,
    _config: TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self::with_vocabulary(49408)
    }

    pub(crate) fn with_vocabulary(vocabulary: i64) -> Self {
        let config = tempfile::tempdir().unwrap();
        write_config(config.path(), vocabulary);
        let reference = format!("random:{}@7", config.path().display()).parse().unwrap();
        let images = tempfile::tempdir().unwrap();
        for (index, (width, height)) in [(80, 64), (64, 96), (64, 64)].into_iter().enumerate() {
            let pixel = |x: u32, y: u32| Rgb([(3 * x) as u8, (2 * y) as u8, (40 * index) as u8]);
            RgbImage::from_fn(width, height, pixel).save(images.path().join(format!("sks dog ({index}).png"))).unwrap();
        }
        let scratch = tempfile::tempdir().unwrap();
        Self {
            base: BaseModel::open(&reference).unwrap(),
            images,
            scratch,
            precision: Precision::Fp32,
            _config: config,
        }
    }

    /// Trains with the shortest settings, changed by `changes`; all events are kept.
    pub(crate) fn run(&self, changes: &Value) -> (Result<Trained, TrainingError>, Vec<JobEvent>) {
        self.run_until(changes, |_| false)
    }

    /// [`Workshop::run`], left once `enough` says so of the events so far.
    pub(crate) fn run_until(
        &self,
        changes: &Value,
        enough: impl Fn(&[JobEvent]) -> bool,
    ) -> (Result<Trained, TrainingError>, Vec<JobEvent>) {
        let settings = settings(changes);
        let job = TrainingJob {
            base: &self.base,
            settings: &settings,
            images_dir: self.images.path(),
            scratch_dir: self.scratch.path(),
            device: Device::Cpu,
            precision: self.precision,
        };
        let events = RefCell::new(Vec::new());
        let mut occasion = Occasion {
            observer: &mut |event| events.borrow_mut().push(event),
            draw_seed: &mut || 0,
            clock: &|| Duration::ZERO,
            job_timestamp: String::new(),
            stop: &|| enough(&events.borrow()),
        };
        let trained = train(&job, &mut occasion);
        (trained, events.into_inner())
    }

    pub(crate) fn trained(&self, changes: &Value) -> Trained {
        self.run(changes).0.unwrap()
    }
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
