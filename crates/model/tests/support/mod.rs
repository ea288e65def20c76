//! Golden files as tensors, and a diffusers folder as weights, read as plainly as possible.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use engine::tch::{Device, Kind, Reduction, Tensor};
use model::{LoadOptions, Loader, ModelConfig, ModelError, Part, TextEncoder, UNet, UNetConfig, Vae, WeightSource};
use serde_json::Value;

/// A file or folder of `tests/goldens`; `tools/goldens/README.md` says how they were recorded.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

/// All tensors of a golden file, by name.
pub(crate) struct Tensors(HashMap<String, Tensor>);

impl Tensors {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        Self(file.iter().map(|(name, view)| (name.to_owned(), tensor(&view))).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("no tensor {name}")).shallow_clone()
    }

    /// The part of names before the first full stop, once each.
    pub(crate) fn cases(&self) -> Vec<&str> {
        let mut cases: Vec<&str> = self.0.keys().filter_map(|name| Some(name.split_once('.')?.0)).collect();
        cases.sort_unstable();
        cases.dedup();
        cases
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn tensor(view: &safetensors::tensor::TensorView<'_>) -> Tensor {
    let kind = match view.dtype() {
        safetensors::Dtype::F64 => Kind::Double,
        safetensors::Dtype::F32 => Kind::Float,
        safetensors::Dtype::F16 => Kind::Half,
        safetensors::Dtype::I64 => Kind::Int64,
        safetensors::Dtype::U8 => Kind::Uint8,
        other => panic!("golden files have no {other:?}"),
    };
    let shape: Vec<i64> = view.shape().iter().map(|&side| side as i64).collect();
    Tensor::from_data_size(view.data(), &shape, kind)
}

/// One safetensors file as the weights of one network.
impl WeightSource for Tensors {
    fn tensor(&self, _part: Part, name: &str, shape: &[i64]) -> Result<Tensor, ModelError> {
        let tensor = self.get(name);
        assert_eq!(tensor.size(), shape, "{name}");
        Ok(tensor)
    }
}

/// Where small test tensors live.
pub(crate) const F32_CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Weights of any shape that take no memory: one zero, seen from everywhere.
pub(crate) struct Zeros;

impl WeightSource for Zeros {
    fn tensor(&self, _part: Part, _name: &str, shape: &[i64]) -> Result<Tensor, ModelError> {
        Ok(Tensor::zeros([1], (Kind::Float, Device::Cpu)).expand(shape, false))
    }
}

/// The tiny folder, in which single keys of single files have other values.
pub(crate) fn changed_tiny(changes: &[(&str, &str, Value)]) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for part in ["text_encoder", "unet", "vae", "scheduler"] {
        fs::create_dir(copy.path().join(part)).unwrap();
        for entry in fs::read_dir(golden("tiny").join(part)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join(part).join(entry.file_name())).unwrap();
        }
    }
    for (file, key, value) in changes {
        let path = copy.path().join(file);
        let mut config: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        config[*key] = value.clone();
        fs::write(path, config.to_string()).unwrap();
    }
    copy
}

pub(crate) fn tiny_config() -> ModelConfig {
    ModelConfig::from_folder(&golden("tiny")).unwrap()
}

pub(crate) fn tiny_text_encoder() -> TextEncoder {
    tiny_text_encoder_with(&LoadOptions::all(Kind::Float))
}

pub(crate) fn tiny_text_encoder_with(options: &LoadOptions) -> TextEncoder {
    let weights = Tensors::read(&golden("tiny/text_encoder/model.safetensors"));
    let loader = Loader::with_options(&weights, Part::TextEncoder, Device::Cpu, options);
    TextEncoder::load(&tiny_config().text, loader).unwrap()
}

pub(crate) fn tiny_unet() -> UNet {
    tiny_unet_with(&LoadOptions::all(Kind::Float))
}

pub(crate) fn tiny_unet_with(options: &LoadOptions) -> UNet {
    unet(&tiny_config().unet, "tiny/unet", options)
}

/// A UNet whose shape differs from SD 1.5's wherever it can.
pub(crate) fn tiny_unet_b() -> UNet {
    let config = fs::read_to_string(golden("tiny_unet_b/config.json")).unwrap();
    unet(&serde_json::from_str(&config).unwrap(), "tiny_unet_b", &LoadOptions::all(Kind::Float))
}

fn unet(config: &UNetConfig, folder: &str, options: &LoadOptions) -> UNet {
    let weights = Tensors::read(&golden(folder).join("diffusion_pytorch_model.safetensors"));
    UNet::load(config, Loader::with_options(&weights, Part::Unet, Device::Cpu, options)).unwrap()
}

/// The golden batch of a training step, of `gradients.safetensors`.
pub(crate) struct Batch {
    pub(crate) noisy: Tensor,
    pub(crate) noise: Tensor,
    pub(crate) timesteps: Tensor,
    pub(crate) ids: Tensor,
}

impl Batch {
    pub(crate) fn golden() -> Self {
        let goldens = Tensors::read(&golden("gradients.safetensors"));
        let get = |name| goldens.get(name);
        Self { noisy: get("noisy"), noise: get("noise"), timesteps: get("timesteps"), ids: get("ids") }
    }

    /// The prediction of both networks, computed in `compute`, and its loss.
    pub(crate) fn predict(&self, text: &TextEncoder, unet: &UNet, compute: Kind) -> (Tensor, Tensor) {
        let context = text.forward(&self.ids, compute);
        let prediction = unet.forward(&self.noisy.to_kind(compute), &self.timesteps, &context);
        let loss = prediction.to_kind(Kind::Float).mse_loss(&self.noise, Reduction::Mean);
        (prediction, loss)
    }
}

/// Asks gradients of every weight.
pub(crate) fn train(parameters: &[(String, Tensor)]) {
    for (_, parameter) in parameters {
        let _same_tensor = parameter.set_requires_grad(true);
    }
}

pub(crate) fn tiny_vae() -> Vae {
    let weights = Tensors::read(&golden("tiny/vae/diffusion_pytorch_model.safetensors"));
    Vae::load(&tiny_config().vae, Loader::new(&weights, Part::Vae, Device::Cpu, Kind::Float)).unwrap()
}

/// The largest difference, relative to the largest value of the reference.
pub(crate) fn difference(found: &Tensor, reference: &Tensor) -> f64 {
    assert_eq!(found.size(), reference.size());
    let found = found.detach().to_kind(Kind::Double);
    let reference = reference.to_kind(Kind::Double);
    let scale = reference.abs().max().double_value(&[]);
    let difference = (found - reference).abs().max().double_value(&[]);
    if scale == 0.0 { difference } else { difference / scale }
}

/// f32 arithmetic in another order: far looser than observed, far tighter than any mistake.
pub(crate) const OUTPUT_TOLERANCE: f64 = 1e-4;
/// For gradients, element by element: [`assert_elements_close`]. Against float64, float32 differs by up to 3.5e-5.
pub(crate) const GRADIENT_TOLERANCE: f64 = 1e-4;

#[track_caller]
pub(crate) fn assert_close(what: &str, found: &Tensor, reference: &Tensor, tolerance: f64) {
    let difference = difference(found, reference);
    assert!(difference < tolerance, "{what} differs by {difference:e} of its largest value");
}

/// Each element may differ by `tolerance` of itself, or of the typical element where that is larger: what an element is
/// rounded by depends on the terms of its sum, which are of typical size where they cancel, too. Typical is the root mean
/// square of the elements that are not 0 (most rows of an embedding see no token).
#[track_caller]
pub(crate) fn assert_elements_close(what: &str, found: &Tensor, reference: &Tensor, tolerance: f64) {
    assert_eq!(found.size(), reference.size(), "{what}");
    let (found, reference) = (found.detach().to_kind(Kind::Double), reference.to_kind(Kind::Double));
    let elements = reference.masked_select(&reference.not_equal(0.0));
    let typical = elements.square().mean(Kind::Double).sqrt();
    let worst = ((found - &reference).abs() / reference.abs().maximum(&typical)).max().double_value(&[]);
    // Written so that a NaN fails.
    assert!(worst <= tolerance, "{what}: an element differs by {worst:e} of itself or of the typical one");
}

#[track_caller]
pub(crate) fn assert_same_bits(first: &Tensor, second: &Tensor) {
    assert!(first.equal(second), "two equal computations differ");
}
