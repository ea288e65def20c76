//! A tiny model that draws, and requests to it.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::Precision;
use engine::tch::{Device, Kind, Tensor};
use model::{BaseModel, ModelReference, RandomConfig};
use protocol::{JobEvent, Leave, Occasion, Txt2ImgParams};
use serde_json::{Value, json};
use tempfile::TempDir;
use txt2img::error::Result;
use txt2img::{Drawing, Picture, Pipeline, Txt2ImgError};

/// When every test's pictures are drawn.
pub(crate) const TIMESTAMP: &str = "20261123120000";

/// A pipeline over a model with random weights: every block of Stable Diffusion 1.5, hardly any channels, CLIP's vocabulary.
pub(crate) struct Studio {
    pub(crate) pipeline: Pipeline,
    pub(crate) base: BaseModel,
    _folder: TempDir,
}

/// One request's answer and everything that was said meanwhile.
pub(crate) struct Session {
    pub(crate) drawing: Result<Drawing>,
    /// The pictures in the order in which they were handed out, each after how many events.
    pub(crate) pictures: Vec<(usize, Picture)>,
    pub(crate) events: Vec<JobEvent>,
    /// How often chance was asked.
    pub(crate) draws: usize,
}

impl Studio {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_config(folder.path());
        let config = RandomConfig::Folder(folder.path().to_owned());
        let base = BaseModel::open(&ModelReference::Random { config, seed: 7 }).unwrap();
        Self { pipeline: load(&base), base, _folder: folder }
    }

    /// The same model with NaN in one tensor of `network`, `unet` or `vae`.
    pub(crate) fn broken(network: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_config(folder.path());
        let base = Self::new().base;
        let parameters = |parameters: &[(String, Tensor)], broken: Option<&str>| -> Vec<(String, Tensor)> {
            let weight = |(name, tensor): &(String, Tensor)| {
                let tensor = if Some(name.as_str()) == broken { tensor * f64::NAN } else { tensor.shallow_clone() };
                (name.clone(), tensor)
            };
            parameters.iter().map(weight).collect()
        };
        let (device, kind) = (Device::Cpu, Kind::Float);
        let (text, unet, vae) = (
            base.text_encoder(device, kind).unwrap(),
            base.unet(device, kind).unwrap(),
            base.vae(device, kind).unwrap(),
        );
        let broken =
            |name| (network == name).then_some(if name == "vae" { "decoder.conv_out.bias" } else { "conv_out.bias" });
        let files = [
            ("text_encoder/model.safetensors", parameters(text.parameters(), None)),
            ("unet/diffusion_pytorch_model.safetensors", parameters(unet.parameters(), broken("unet"))),
            ("vae/diffusion_pytorch_model.safetensors", parameters(vae.parameters(), broken("vae"))),
        ];
        for (file, tensors) in files {
            Tensor::write_safetensors(&tensors, folder.path().join(file)).unwrap();
        }
        let base = BaseModel::open(&ModelReference::Folder(folder.path().to_owned())).unwrap();
        Self { pipeline: load(&base), base, _folder: folder }
    }

    /// Draws a small picture in three steps, as `changes` say; chance yields 1,000,000 and counts up.
    pub(crate) fn session(&self, changes: &Value) -> Session {
        self.session_until(changes, usize::MAX)
    }

    /// [`Studio::session`], told to stop after so many events.
    pub(crate) fn session_until(&self, changes: &Value, events_max: usize) -> Session {
        let (mut events, mut draws) = (Vec::new(), 0);
        let mut draw_seed = || {
            draws += 1;
            999_999 + draws as u64
        };
        let (told, mut pictures) = (Cell::new(0), Vec::new());
        let mut observer = |event| {
            events.push(event);
            told.set(events.len());
        };
        let began = Instant::now();
        let mut occasion = Occasion {
            draw_seed: &mut draw_seed,
            observer: &mut observer,
            clock: &|| began.elapsed().max(Duration::from_nanos(1)),
            job_timestamp: TIMESTAMP.into(),
            stop: &|| (told.get() >= events_max).then_some(Leave::Drop),
        };
        // The third request of a job.
        let drawing = self.pipeline.draw(&params(changes), 2, &mut occasion, |index, picture| {
            assert_eq!(index, pictures.len());
            pictures.push((told.get(), picture));
            Ok::<(), Txt2ImgError>(())
        });
        Session { drawing, pictures, events, draws }
    }

    pub(crate) fn draw(&self, changes: &Value) -> Drawing {
        self.session(changes).drawing.unwrap()
    }

    pub(crate) fn pictures(&self, changes: &Value) -> Vec<Picture> {
        let session = self.session(changes);
        session.drawing.unwrap();
        session.pictures.into_iter().map(|(_, picture)| picture).collect()
    }
}

/// A small request, changed by `changes`.
pub(crate) fn params(changes: &Value) -> Txt2ImgParams {
    let mut fields = json!({"prompt": "a dog", "seed": 11, "steps": 3, "width": 64, "height": 64});
    for (key, value) in changes.as_object().unwrap() {
        fields[key] = value.clone();
    }
    Txt2ImgParams::parse_item(fields, "input.inference[2]").unwrap()
}

fn load(base: &BaseModel) -> Pipeline {
    Pipeline::load(base, Device::Cpu, Precision::Fp32).unwrap()
}

fn write_config(folder: &Path) {
    let configs = [
        (
            "text_encoder",
            json!({
                "vocab_size": 49408, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2,
                "num_attention_heads": 2, "max_position_embeddings": 77, "hidden_act": "quick_gelu",
            }),
        ),
        (
            "unet",
            json!({
                "in_channels": 4, "out_channels": 4, "block_out_channels": [8, 8, 16, 16], "layers_per_block": 1,
                "cross_attention_dim": 8, "attention_head_dim": 2, "norm_num_groups": 4,
                "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
                "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
            }),
        ),
        (
            "vae",
            json!({
                "in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": [8, 8, 8, 8],
                "layers_per_block": 1, "norm_num_groups": 4,
            }),
        ),
    ];
    for (network, config) in configs {
        let folder = folder.join(network);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
    }
}
