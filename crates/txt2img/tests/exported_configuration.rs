//! A picture is drawn with the configuration that was trained, also from the exported file alone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::weights::{StoredTokens, write_quantized};
use model::{BaseModel, ExportNotes, ModelReference};
use protocol::SamplerName;
use serde_json::{Value, json};
use txt2img::Trajectory;
use txt2img::denoiser::GuidedUNet;
use txt2img::sampler::{Settings, StepNoise, Walk, algorithm};
use txt2img::schedule::ScheduleOptions;

const F32_CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

struct NoNoise;

impl StepNoise for NoNoise {
    fn next(&mut self) -> Tensor {
        Tensor::zeros([1, 4, 16, 16], F32_CPU)
    }

    fn skip(&mut self) {}

    fn between(&mut self, _: f64, _: f64) -> Tensor {
        self.next()
    }
}

/// The tiny model, whose weights fp16 holds exactly, with settings that no shape shows.
fn unusual_model(folder: &Path) -> BaseModel {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/goldens/tiny");
    let changes = [
        ("text_encoder", "config.json", json!({"num_attention_heads": 4})),
        ("unet", "config.json", json!({"attention_head_dim": [1, 2, 4, 8]})),
        ("vae", "config.json", json!({"scaling_factor": 0.5})),
        ("scheduler", "scheduler_config.json", json!({"prediction_type": "v_prediction", "beta_schedule": "linear"})),
    ];
    for (part, file, keys) in changes {
        fs::create_dir(folder.join(part)).unwrap();
        for entry in fs::read_dir(tiny.join(part)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.join(part).join(entry.file_name())).unwrap();
        }
        let path = folder.join(part).join(file);
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        keys.as_object().unwrap().iter().for_each(|(key, value)| config[key] = value.clone());
        fs::write(path, config.to_string()).unwrap();
    }
    BaseModel::open(&ModelReference::Folder(folder.to_owned())).unwrap()
}

/// Latents and image after three steps.
fn draw(base: &BaseModel) -> [Tensor; 2] {
    let (device, kind) = (Device::Cpu, Kind::Float);
    let (unet, vae, schedule) = (base.unet(device, kind).unwrap(), base.vae(device, kind).unwrap(), base.schedule());
    let text = base.text_encoder(device, kind).unwrap();
    let states = |first: i64| {
        let ids = Tensor::arange_start(first, first + 16, (Kind::Int64, device)).unsqueeze(0);
        no_grad(|| text.forward(&ids, kind))
    };
    let mut guided = GuidedUNet::new(&unet, &schedule, &states(0), &states(100), 7.0, kind);
    let name = SamplerName::Euler;
    let trajectory = Trajectory::new(name.into(), &schedule, 3, &ScheduleOptions::default());
    let mut walk = Walk {
        denoiser: &mut guided,
        noise: &mut NoNoise,
        trajectory: &trajectory,
        schedule: &schedule,
        settings: Settings::of(name.row()),
        on_step: &mut |_| {},
    };
    let start = (Tensor::arange(4 * 16 * 16, F32_CPU) * 0.7).sin().view([1, 4, 16, 16]);
    let latents = algorithm(name)(&mut walk, trajectory.first_latents(&start)).unwrap();
    let image = no_grad(|| vae.decode(&latents));
    [latents, image]
}

#[test]
fn an_exported_file_draws_what_its_base_draws_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let base = unusual_model(folder.path());
    let expected = draw(&base);
    for name in ["model.safetensors", "model.ckpt"] {
        let path = folder.path().join(name);
        base.export(&path).unwrap();
        let drawn = draw(&BaseModel::open(&ModelReference::File(path)).unwrap());
        assert!(expected.iter().zip(&drawn).all(|(expected, drawn)| expected.equal(drawn)), "{name}");
    }
}

#[test]
fn a_model_in_eight_bits_draws_what_its_export_draws_and_nearly_what_it_was_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let base = unusual_model(folder.path());
    let path = folder.path().join("small.safetensors");
    let ids: Vec<i64> = (0..base.config().text.vocab_size).collect();
    let tokens = StoredTokens { ids: &ids, seed: 0 };
    write_quantized(&path, base.config(), base.weights(), tokens, &ExportNotes::default()).unwrap();
    let small = BaseModel::open(&ModelReference::File(path)).unwrap();
    let drawn = draw(&small);
    let exported = folder.path().join("exported.safetensors");
    small.export(&exported).unwrap();
    let again = draw(&BaseModel::open(&ModelReference::File(exported)).unwrap());
    for ((drawn, again), whole) in drawn.iter().zip(&again).zip(&draw(&base)) {
        assert!(drawn.equal(again));
        // Weights are rounded to 1/254 of the largest; guidance multiplies what that does to a prediction by about ten.
        let off = (drawn - whole).square().mean(Kind::Float).sqrt() / whole.std(true);
        assert!(off.double_value(&[]) < 0.05, "{off}");
    }
}
