//! The tiny autoencoder computes what diffusers' `AutoencoderTiny` computes, and goes wherever an `AutoencoderKL` goes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use engine::no_grad;
use engine::tch::{Device, Kind, Reduction, Tensor};
use model::weights::{RandomSource, TaesdSource, TensorSpec, TensorTable, inventory, named_tensors};
use model::{
    AutoencoderTinyConfig, BaseModel, Loader, ModelConfig, ModelReference, Part, Vae, VaeClass, VaeConfig,
    WeightSource, count_parameters,
};
use serde_json::{Value, json};
use support::{
    GRADIENT_TOLERANCE, OUTPUT_TOLERANCE, Tensors, Zeros, assert_close, assert_elements_close, assert_same_bits,
    changed_tiny, golden, train,
};

fn config() -> VaeConfig {
    serde_json::from_str(&fs::read_to_string(golden("tiny_taesd/config.json")).unwrap()).unwrap()
}

fn tiny_taesd(kind: Kind) -> Vae {
    let weights = Tensors::read(&golden("tiny_taesd/diffusion_pytorch_model.safetensors"));
    Vae::load(&config(), Loader::new(&weights, Part::Vae, Device::Cpu, kind)).unwrap()
}

fn assert_as_recorded(vae: &Vae, goldens: &Tensors, case: &str, tolerance: f64) {
    let get = |name: &str| goldens.get(&format!("{case}.{name}"));
    assert_close(case, &vae.encode(&get("images")).mean, &get("encoded"), tolerance);
    assert_close(case, &vae.decode(&get("latents")), &get("decoded"), tolerance);
}

#[test]
fn images_and_latents_become_what_diffusers_makes_of_them() {
    let (vae, goldens) = (tiny_taesd(Kind::Float), Tensors::read(&golden("taesd.safetensors")));
    assert_eq!(vae.scaling_factor(), 1.0);
    for case in ["square", "wide"] {
        assert_as_recorded(&vae, &goldens, case, OUTPUT_TOLERANCE);
    }
}

#[test]
fn bfloat16_differs_by_its_rounding() {
    // 8 bits of a number are left; ten layers in a row add their roundings up.
    let goldens = Tensors::read(&golden("taesd.safetensors"));
    assert_as_recorded(&tiny_taesd(Kind::BFloat16), &goldens, "wide", 0.03);
}

#[test]
fn nothing_is_left_to_chance() {
    let images = Tensors::read(&golden("taesd.safetensors")).get("wide.images");
    let posterior = tiny_taesd(Kind::Float).encode(&images);
    assert_eq!(posterior.mean.size(), [2, 4, 4, 6]);
    assert_same_bits(&posterior.std(), &posterior.mean.zeros_like());
    assert_same_bits(&posterior.sample(&(posterior.mean.ones_like() * 3.0)), &posterior.mean);
}

#[test]
fn gradients_of_both_halves_are_those_of_the_reference() {
    let (vae, goldens) = (tiny_taesd(Kind::Float), Tensors::read(&golden("taesd.safetensors")));
    train(vae.parameters());
    let images = goldens.get("wide.images");
    let decoded = vae.decode(&vae.encode(&images).sample(&Tensor::ones([2, 4, 4, 6], support::F32_CPU)));
    let loss = decoded.mse_loss(&images, Reduction::Mean);
    assert_close("the loss", &loss, &goldens.get("loss"), OUTPUT_TOLERANCE);
    loss.backward();
    let mut parameters: Vec<&(String, Tensor)> = vae.parameters().iter().collect();
    parameters.sort_by_key(|(name, _)| name);
    let norms: Vec<Tensor> = parameters.iter().map(|(_, weight)| weight.grad().norm()).collect();
    assert_elements_close("the norms", &Tensor::stack(&norms, 0), &goldens.get("grad_norms"), GRADIENT_TOLERANCE);
    let recorded: Vec<&str> = goldens.names().filter_map(|name| name.strip_prefix("grad.")).collect();
    assert_eq!(recorded.len(), 8);
    for name in recorded {
        let (_, weight) = parameters.iter().find(|(known, _)| known == name).unwrap();
        assert_elements_close(name, &weight.grad(), &goldens.get(&format!("grad.{name}")), GRADIENT_TOLERANCE);
    }
}

#[test]
fn every_tensor_of_a_diffusers_file_is_read_and_no_other() {
    let stored = Tensors::read(&golden("tiny_taesd/diffusion_pytorch_model.safetensors"));
    let mut stored: Vec<&str> = stored.names().collect();
    stored.sort_unstable();
    let vae = tiny_taesd(Kind::Float);
    let mut read: Vec<&str> = vae.parameters().iter().map(|(name, _)| name.as_str()).collect();
    read.sort_unstable();
    assert_eq!(read, stored);
}

#[test]
fn taesd_has_its_number_of_parameters() {
    let vae = Vae::load(&VaeConfig::taesd(), Loader::new(&Zeros, Part::Vae, Device::Cpu, Kind::Float)).unwrap();
    assert_eq!(count_parameters(vae.parameters()), 2_445_063);
}

/// The files of TAESD's two halves in a folder.
fn halves(folder: &Path) -> [PathBuf; 2] {
    ["encoder", "decoder"].map(|half| folder.join(format!("taesd_{half}.safetensors")))
}

fn taesd_folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/weights");
    if halves(&folder).iter().all(|file| file.exists()) {
        return Some(folder);
    }
    writeln!(std::io::stdout().lock(), "skipped: ../shared/data/weights/taesd_*.safetensors are not there").unwrap();
    None
}

#[test]
fn taesds_own_two_files_compute_what_they_compute_in_diffusers() {
    let Some(folder) = taesd_folder() else { return };
    let vae = Vae::taesd(&folder, Device::Cpu).unwrap();
    assert_as_recorded(&vae, &Tensors::read(&golden("taesd_real.safetensors")), "real", OUTPUT_TOLERANCE);
    let [encoder, _] = halves(&folder);
    let error = BaseModel::open(&ModelReference::File(encoder)).unwrap_err().to_string();
    assert!(error.contains("it is half of a tiny VAE (TAESD) alone; give a full"), "{error}");
}

/// Puts `weights` into two files as TAESD's maker names them: by places alone, and the decoder's from 1 on.
fn write_halves(folder: &Path, weights: &[(String, Tensor)]) {
    let [mut encoder, mut decoder] = [Vec::new(), Vec::new()];
    for (name, weight) in weights {
        if let Some(name) = name.strip_prefix("encoder.layers.") {
            encoder.push((name.to_owned(), weight.detach()));
        } else {
            let (place, rest) = name.strip_prefix("decoder.layers.").unwrap().split_once('.').unwrap();
            decoder.push((format!("{}.{rest}", place.parse::<u32>().unwrap() + 1), weight.detach()));
        }
    }
    for (path, tensors) in halves(folder).iter().zip([encoder, decoder]) {
        named_tensors::write(&mut fs::File::create(path).unwrap(), path, &tensors, &BTreeMap::new()).unwrap();
    }
}

#[test]
fn a_folder_with_its_two_files_gives_an_autoencoder_that_learns() {
    let folder = tempfile::tempdir().unwrap();
    let random = RandomSource::new(3);
    let drawn = Vae::load(&VaeConfig::taesd(), Loader::new(&random, Part::Vae, Device::Cpu, Kind::Float)).unwrap();
    write_halves(folder.path(), drawn.parameters());
    let vae = Vae::taesd(folder.path(), Device::Cpu).unwrap();
    assert_eq!(vae.parameters().len(), drawn.parameters().len());
    for ((name, read), (_, drawn)) in vae.parameters().iter().zip(drawn.parameters()) {
        assert!(read.equal(drawn), "{name}");
    }
    train(vae.parameters());
    let images = Tensors::read(&golden("taesd.safetensors")).get("wide.images");
    let loss = || vae.decode(&vae.encode(&images).mean).mse_loss(&images, Reduction::Mean);
    let before = loss();
    before.backward();
    for (_, weight) in vae.parameters() {
        no_grad(|| drop(weight.shallow_clone().g_sub_(&(weight.grad() * 0.05))));
    }
    assert!(loss().double_value(&[]) < 0.99 * before.double_value(&[]));

    fs::remove_file(&halves(folder.path())[1]).unwrap();
    let error = Vae::taesd(folder.path(), Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("taesd_decoder.safetensors: No such file"), "{error}");
}

#[test]
fn a_place_that_taesds_files_do_not_have_is_missed_by_its_name() {
    let file = golden("tiny_taesd/diffusion_pytorch_model.safetensors");
    let source = TaesdSource::open(&file, &file).unwrap();
    let error = source.tensor(Part::Unet, "conv_in.weight", &[1]).unwrap_err().to_string();
    assert!(error.contains("has no tensor conv_in.weight"), "{error}");
    for name in ["encoder.layers.0.weight", "decoder.layers.99999999999.weight", "decoder.layers.x", "quant_conv.bias"]
    {
        let error = source.tensor(Part::Vae, name, &[1]).unwrap_err().to_string();
        assert!(error.contains("has no tensor"), "{error}");
    }
}

/// The tiny folder with the tiny autoencoder in it.
fn folder() -> tempfile::TempDir {
    let folder = changed_tiny(&[]);
    for entry in fs::read_dir(golden("tiny_taesd")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join("vae").join(entry.file_name())).unwrap();
    }
    folder
}

fn open(path: &Path) -> Result<BaseModel, String> {
    let reference = path.to_str().unwrap().parse().unwrap();
    BaseModel::open(&reference).map_err(|error| error.to_string())
}

#[test]
fn a_model_with_it_survives_the_way_through_every_format() {
    let folder = folder();
    let base = open(folder.path()).unwrap();
    assert_eq!(base.config().vae, config());
    assert_eq!(base.config().vae.class(), VaeClass::Tiny);
    for name in ["model.safetensors", "model.ckpt", "exported"] {
        let path = folder.path().join(name);
        base.export(&path).unwrap();
        let again = open(&path).unwrap();
        assert_eq!(again.config(), base.config(), "{name}");
        for TensorSpec { part, name, shape } in inventory(base.config()).unwrap() {
            let [first, second] = [&base, &again].map(|model| model.weights().tensor(part, &name, &shape).unwrap());
            assert_same_bits(&first.to_kind(Kind::Half), &second);
        }
        assert_eq!(again.fingerprint().unwrap(), base.fingerprint().unwrap(), "{name}");
    }
    let json = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(folder.path().join("exported").join(name)).unwrap()).unwrap()
    };
    assert_eq!(json("model_index.json")["vae"], json!(["diffusers", "AutoencoderTiny"]));
    assert_eq!(json("vae/config.json")["_class_name"], "AutoencoderTiny");
    assert_eq!(json("unet/config.json")["sample_size"], 64);
}

#[test]
fn a_single_file_is_held_against_the_layers_that_it_has() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    open(folder.path()).unwrap().export(&path).unwrap();
    let honest: Value = serde_json::from_str(TensorTable::open(&path).unwrap().model_config().unwrap()).unwrap();
    let bytes = fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let opened = |vae: Value| {
        let mut config = honest.clone();
        config["vae"] = vae;
        let metadata = [("dreambooth.model_config".to_owned(), config.to_string())].into();
        let path = folder.path().join("saying.safetensors");
        safetensors::serialize_to_file(file.iter(), Some(metadata), &path).unwrap();
        open(&path).map(|base| base.config().vae.clone())
    };
    assert_eq!(opened(honest["vae"].clone()), Ok(config()));
    let with = |key: &str, value: Value| {
        let mut vae = honest["vae"].clone();
        vae[key] = value;
        opened(vae).unwrap_err()
    };
    let sentence = with("num_decoder_blocks", json!([2, 1, 1, 2]));
    assert!(
        sentence.contains("vae.num_decoder_blocks is [2, 1, 1, 2], but the tensors show [2, 1, 1, 1]"),
        "{sentence}"
    );
    let sentence = with("encoder_block_out_channels", json!([16, 16, 16, 16]));
    assert!(
        sentence.contains("vae.encoder_block_out_channels is [16, 16, 16, 16], but the tensors show"),
        "{sentence}"
    );
    let sentence = opened(serde_json::to_value(VaeConfig::mini()).unwrap()).unwrap_err();
    assert!(
        sentence.contains(r#"vae._class_name is "AutoencoderKL", but the tensors show "AutoencoderTiny""#),
        "{sentence}"
    );
}

#[test]
fn configurations_are_told_apart_by_their_class() {
    let read = |config: Value| serde_json::from_value::<VaeConfig>(config).map_err(|error| error.to_string());
    assert_eq!(read(json!({"_class_name": "AutoencoderTiny", "a_key_of_the_future": 1})), Ok(VaeConfig::taesd()));
    // As every export wrote it before there were two classes.
    let mut old = serde_json::to_value(VaeConfig::sd15()).unwrap();
    assert_eq!(old["_class_name"], "AutoencoderKL");
    old.as_object_mut().unwrap().remove("_class_name");
    assert_eq!(read(old), Ok(VaeConfig::sd15()));
    let error = read(json!({"_class_name": "AsymmetricAutoencoderKL"})).unwrap_err();
    assert!(error.contains("\"AsymmetricAutoencoderKL\" is no supported _class_name of a VAE"), "{error}");
    for config in [VaeConfig::sd15(), VaeConfig::mini(), VaeConfig::taesd()] {
        config.check().unwrap();
        assert_eq!(read(serde_json::to_value(&config).unwrap()), Ok(config));
    }
}

#[test]
fn what_it_cannot_compute_is_refused_with_its_key() {
    let refused = [
        ("act_fn", json!("mish")),
        ("upsample_fn", json!("bilinear")),
        ("upsampling_scaling_factor", json!(4)),
        ("shift_factor", json!(0.1)),
        ("scaling_factor", json!(-1)),
        ("encoder_block_out_channels", json!([8, 8, 16, 16])),
        ("decoder_block_out_channels", json!([64, 64])),
        ("num_encoder_blocks", json!([])),
        ("num_encoder_blocks", json!([1, 3, 3, 1_000_000_000])),
        ("num_decoder_blocks", json!([3, 3, 3, 1, 1])),
        ("num_decoder_blocks", json!([3, 3, 3, -1])),
        ("latent_channels", json!(0)),
    ];
    for (key, value) in refused {
        let mut config = serde_json::to_value(AutoencoderTinyConfig::default()).unwrap();
        config[key] = value;
        let config: AutoencoderTinyConfig = serde_json::from_value(config).unwrap();
        let error = config.check().expect_err(key);
        assert!(error.contains(key), "{key}: {error}");
    }
    let levels = json!([1, 1]);
    let vae = json!({
        "_class_name": "AutoencoderTiny", "num_encoder_blocks": levels, "num_decoder_blocks": levels,
        "encoder_block_out_channels": [8, 8], "decoder_block_out_channels": [8, 8],
    });
    let config = ModelConfig { vae: serde_json::from_value(vae).unwrap(), ..ModelConfig::sd15() };
    let error = config.check().unwrap_err();
    assert!(error.contains("the number of pixels that the VAE makes one latent is 2; only 8"), "{error}");
}

#[test]
fn alone_it_is_called_a_vae_in_a_folder_and_in_a_file() {
    let folder = open(&golden("tiny_taesd")).unwrap_err();
    assert!(folder.contains("it is a VAE alone; give the folder of a whole model"), "{folder}");
    let file = open(&golden("tiny_taesd/diffusion_pytorch_model.safetensors")).unwrap_err();
    assert!(file.contains("it is a VAE alone; give a full Stable Diffusion 1.x checkpoint"), "{file}");
}
