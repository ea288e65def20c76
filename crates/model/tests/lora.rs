//! LoRA files: read in every naming, merged as diffusers merges them, written as kohya's scripts write them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use engine::tch::{Kind, Tensor};
use model::weights::named_tensors::{self, NamedTensorFile};
use model::weights::{FolderSource, Lora, LoraModule, Merged, Multipliers, write_lora};
use model::{BaseModel, ExportNotes, ModelConfig, ModelReference, Part, PredictionType, UNet, WeightSource};
use sha2::{Digest, Sha256};
use support::{F32_CPU, Tensors, Zeros, difference, golden, tiny_config};

/// `unet.mid_block.attentions.0.proj_in` and such.
fn weight_of(layer: &str) -> (Part, String) {
    let (network, path) = layer.split_once('.').unwrap();
    let part = if network == "unet" { Part::Unet } else { Part::TextEncoder };
    (part, format!("{path}.weight"))
}

fn save(path: &Path, tensors: &[(String, Tensor)]) {
    named_tensors::write(&mut File::create(path).unwrap(), path, tensors, &BTreeMap::new()).unwrap();
}

fn read(path: &Path) -> Vec<(String, Tensor)> {
    let file = NamedTensorFile::open(path).unwrap();
    file.names().into_iter().map(|name| (name.to_owned(), file.tensor(name).unwrap())).collect()
}

#[test]
fn a_file_of_kohya_or_peft_is_merged_as_diffusers_merges_it() {
    let expected = Tensors::read(&golden("lora/merged.safetensors"));
    for name in ["kohya", "peft"] {
        let lora = Lora::open(&golden("lora").join(format!("{name}.safetensors")), &tiny_config()).unwrap();
        assert_eq!((lora.modules().len(), lora.left_out().len()), (9, 0));
        assert!(lora.modules().iter().all(|(_, module)| (module.rank(), module.alpha()) == (3, 2.0)));
        let base = FolderSource::open(&golden("tiny")).unwrap();
        let merged = Merged::new(&base).with(&lora, Multipliers::both(0.7));
        for layer in expected.names() {
            let (part, weight) = weight_of(layer);
            let expected = expected.get(layer);
            let found = merged.tensor(part, &weight, &expected.size()).unwrap();
            // The product of rank 3 is added up in another order; 1e-6 is far below any mistake.
            let off = difference(&found, &expected);
            assert!(off < 1e-6, "{name}: {layer} differs by {off}");
            let plain = base.tensor(part, &weight, &expected.size()).unwrap();
            assert!(difference(&plain, &expected) > 1e-2, "{layer} is not changed at all");
        }
        let bias = merged.tensor(Part::Unet, "conv_in.bias", &[8]).unwrap();
        assert!(bias.kind() == Kind::Half && bias.equal(&base.tensor(Part::Unet, "conv_in.bias", &[8]).unwrap()));
    }
}

#[test]
fn multipliers_are_of_each_network_and_adapters_add_up() {
    let lora = Lora::open(&golden("lora/kohya.safetensors"), &tiny_config()).unwrap();
    let once = Merged::new(&Zeros).with(&lora, Multipliers { text_encoder: 0.0, unet: 1.0 });
    let twice = Merged::new(&once).with(&lora, Multipliers { text_encoder: 0.5, unet: 2.0 });
    for (spec, module) in lora.modules() {
        let change = module.change().unwrap().reshape(&spec.shape);
        let [first, second] = [&once as &dyn WeightSource, &twice]
            .map(|source| source.tensor(spec.part, &spec.name, &spec.shape).unwrap());
        let (one, all) = if spec.part == Part::Unet { (1.0, 3.0) } else { (0.0, 0.5) };
        assert!(first.allclose(&(&change * one), 1e-6, 1e-7, false), "{}", spec.name);
        assert!(second.allclose(&(&change * all), 1e-6, 1e-7, false), "{}", spec.name);
    }
}

#[test]
fn a_base_model_draws_with_an_adapter_merged_into_its_networks() {
    let lora = Lora::open(&golden("lora/kohya.safetensors"), &tiny_config()).unwrap();
    let open = || BaseModel::open(&ModelReference::Folder(golden("tiny"))).unwrap();
    let base = open().merged(&lora, Multipliers::both(0.7));
    let cpu = |base: &BaseModel| (base.unet(F32_CPU.1, F32_CPU.0).unwrap(), base.name());
    let [(plain, name), (changed, same_name)] = [cpu(&open()), cpu(&base)];
    assert_eq!(name, same_name);
    let unet = Tensors::read(&golden("unet.safetensors"));
    let input = |name: &str| unet.get(&format!("square_t0.{name}"));
    let draw = |unet: &UNet| unet.forward(&input("latents"), &input("timesteps"), &input("context"));
    assert!(difference(&draw(&plain), &input("output")) < 1e-4);
    assert!(difference(&draw(&changed), &input("output")) > 1e-2);
}

#[test]
fn older_spellings_of_a_name_mean_the_same_layer() {
    let attention = "down_blocks.0.attentions.0.transformer_blocks.0.attn1";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lora.safetensors");
    for (place, down, up, weight) in [
        (format!("unet.{attention}.processor."), "to_q_lora.down", "to_q_lora.up", "to_q"),
        (format!("unet.{attention}.processor."), "to_out_lora.down", "to_out_lora.up", "to_out.0"),
        (format!("unet.{attention}."), "to_k.lora.down", "to_k.lora.up", "to_k"),
        (format!("base_model.model.{attention}."), "to_v.lora_A", "to_v.lora_B", "to_v"),
        (format!("{attention}."), "to_q.lora_A.default", "to_q.lora_B.default", "to_q"),
        ("lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_".to_owned(), "to_q.lora_down", "to_q.lora_up", "to_q"),
    ] {
        let pair = [(down, Tensor::ones([2, 8], F32_CPU)), (up, Tensor::ones([8, 2], F32_CPU))];
        save(&path, &pair.map(|(side, tensor)| (format!("{place}{side}.weight"), tensor)));
        let lora = Lora::open(&path, &tiny_config()).unwrap();
        let (spec, module) = &lora.modules()[0];
        assert_eq!(spec.name, format!("{attention}.{weight}.weight"), "{place}{down}");
        // Nothing is said of alpha: the change counts once.
        assert_eq!(module.alpha(), 2.0);
    }
    for (key, projection) in [
        ("text_encoder.text_model.encoder.layers.1.self_attn.to_k_lora.", "k_proj"),
        ("text_encoder.text_model.encoder.layers.1.self_attn.v_proj.lora_linear_layer.", "v_proj"),
    ] {
        let pair = [("down", Tensor::ones([1, 32], F32_CPU)), ("up", Tensor::ones([32, 1], F32_CPU))];
        save(&path, &pair.map(|(side, tensor)| (format!("{key}{side}.weight"), tensor)));
        let lora = Lora::open(&path, &tiny_config()).unwrap();
        let (spec, _) = &lora.modules()[0];
        assert_eq!(spec.name, format!("text_model.encoder.layers.1.self_attn.{projection}.weight"));
    }
}

#[test]
fn a_written_file_has_kohyas_names_shapes_and_texts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zwx.safetensors");
    let mut config = tiny_config();
    config.schedule.prediction_type = PredictionType::VPrediction;
    // In memory a 1×1 convolution is a matrix, as a network's adapter has it.
    let given = read(&golden("lora/kohya.safetensors"));
    let adapter: Vec<(String, Tensor)> = given
        .iter()
        .filter(|(name, _)| !name.ends_with(".alpha"))
        .map(|(name, tensor)| {
            let is_matrix = name.contains("proj_in") && tensor.dim() == 4;
            let tensor = if is_matrix { tensor.flatten(1, -1) } else { tensor.shallow_clone() };
            (name.clone(), tensor.to_kind(Kind::Float).set_requires_grad(true))
        })
        .collect();
    let modules = LoraModule::of_adapter(&adapter, 2.0).unwrap();
    let notes = ExportNotes {
        concepts: vec!["zwx dog".to_owned()],
        base_model: Some("owner/name".to_owned()),
        ..ExportNotes::default()
    };
    let exported = write_lora(&path, &config, modules, &notes).unwrap();
    let written = read(&path);
    assert_eq!(written.len(), given.len());
    for ((name, found), (expected_name, expected)) in written.iter().zip(&given) {
        assert_eq!((name, found.kind(), found.size()), (expected_name, expected.kind(), expected.size()));
        assert!(found.equal(expected), "{name}");
    }
    let file = NamedTensorFile::open(&path).unwrap();
    for (key, text) in [
        ("ss_network_module", "networks.lora"),
        ("ss_network_dim", "3"),
        ("ss_network_alpha", "2.0"),
        ("ss_base_model_version", "sd_v1_v"),
        ("ss_output_name", "zwx"),
        ("ss_sd_model_name", "owner/name"),
        ("modelspec.architecture", "stable-diffusion-v1/lora"),
        ("modelspec.title", "zwx dog"),
        ("sshs_model_hash", &exported.data_sha256),
    ] {
        assert_eq!(file.metadata().get(key).map(String::as_str), Some(text), "{key}");
    }
}

/// kohya's hashes, from a file of more than a megabyte as the format's own library writes it.
#[test]
fn the_hashes_are_those_that_kohyas_scripts_compute() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.safetensors");
    let draw = |shape: [i64; 2]| Tensor::arange(shape[0] * shape[1], F32_CPU).sin().reshape(shape);
    let module = |layer: i64| {
        let name = format!("lora_te_text_model_encoder_layers_{layer}_self_attn_q_proj");
        LoraModule::new(name, &draw([96, 768]), &draw([768, 96]), 8.0).unwrap()
    };
    let modules = (0..6).map(module).collect();
    write_lora(&path, &ModelConfig::sd15(), modules, &ExportNotes::default()).unwrap();
    let bytes = fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let texts = header.metadata().as_ref().unwrap();
    let kohya = texts.iter().filter(|(key, _)| key.starts_with("ss_")).map(|(key, text)| (key.clone(), text.clone()));
    let alone = safetensors::serialize(file.iter(), Some(kohya.collect())).unwrap();
    assert!(alone.len() > 0x11_0000);
    let legacy = hex::encode(Sha256::digest(&alone[0x10_0000..0x11_0000]));
    assert_eq!(texts["sshs_legacy_hash"], legacy[..8]);
    let header = u64::from_le_bytes(alone[..8].try_into().unwrap()) as usize;
    assert_eq!(texts["sshs_model_hash"], hex::encode(Sha256::digest(&alone[8 + header..])));
}

#[test]
fn what_is_no_lora_for_this_model_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lora.safetensors");
    let proj_in = "lora_unet_down_blocks_0_attentions_0_proj_in";
    let ones = |shape: &[i64]| Tensor::ones(shape, F32_CPU);
    let refusal = |tensors: &[(&str, Tensor)]| {
        let named = tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.shallow_clone()));
        save(&path, &named.collect::<Vec<_>>());
        Lora::open(&path, &tiny_config()).unwrap_err().to_string()
    };
    let key = |ending: &str| format!("{proj_in}{ending}");
    let (down, up, alpha) = (key(".lora_down.weight"), key(".lora_up.weight"), key(".alpha"));
    for (tensors, reason) in [
        (vec![(down.as_str(), ones(&[1, 8]))], "no tensor lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight"),
        (vec![(&down, ones(&[1, 9])), (&up, ones(&[8, 1]))], "changes a layer of 9 inputs and 8 outputs"),
        (vec![(&down, ones(&[2, 8])), (&up, ones(&[8, 1]))], "make no change of a layer"),
        (vec![(&down, ones(&[1, 8])), (&up, ones(&[8, 1])), (&alpha, ones(&[2]))], "is no single number"),
        (vec![(&down, ones(&[1, 8])), (&up, ones(&[8, 1])), (&alpha, ones(&[1]) / 0)], "alpha inf make no change"),
        (vec![(&key(".hada_w1_a"), ones(&[1, 8]))], "another kind of adapter (LoHa)"),
        (vec![(&key(".dora_scale"), ones(&[1, 8]))], "another kind of adapter (DoRA)"),
        (vec![("lora_te2_text_model_x.lora_down.weight", ones(&[1, 8]))], "a LoRA for Stable Diffusion XL"),
        (vec![("emb_params", ones(&[1, 8]))], "none of its 1 entries, emb_params among them"),
        (vec![("unet:400:down", ones(&[1, 8]))], "changes unet layer 400, but this model has only 144"),
        (vec![("a", ones(&[1])), (&down, ones(&[1, 8])), (&key(".lora_A.weight"), ones(&[1, 8]))], "another name, too"),
    ] {
        let message = refusal(&tensors);
        assert!(message.contains(reason), "{message}");
    }
    File::create(&path).unwrap().write_all(b"PK\x03\x04 and the rest of a pickle").unwrap();
    let message = Lora::open(&path, &tiny_config()).unwrap_err().to_string();
    assert!(message.contains("no safetensors file"), "{message}");
    let large = LoraModule::new(proj_in.to_owned(), &(ones(&[1, 8]) * 1e6), &ones(&[8, 1]), 1.0).unwrap();
    let message = write_lora(&path, &tiny_config(), vec![large], &ExportNotes::default()).unwrap_err().to_string();
    assert!(message.contains("proj_in.lora_down.weight has grown to 1e6"), "{message}");
    assert!(write_lora(&path, &tiny_config(), Vec::new(), &ExportNotes::default()).is_err());
}

/// A published file, where this machine has one.
fn published(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/weights").join(name);
    if path.exists() {
        return Some(path);
    }
    writeln!(std::io::stdout().lock(), "skipped: ../shared/data/weights/{name} is not there").unwrap();
    None
}

#[test]
fn published_files_that_only_number_their_layers_change_the_right_ones() {
    let block = |place: &str, layer: &str| format!("{place}.transformer_blocks.0.{layer}.weight");
    let layers = [
        ("unet:0", block("down_blocks.0.attentions.0", "attn1.to_q")),
        ("unet:4", block("down_blocks.0.attentions.0", "ff.net.0.proj")),
        ("unet:6", block("down_blocks.0.attentions.0", "attn2.to_k")),
        ("unet:53", block("down_blocks.2.attentions.1", "attn2.to_out.0")),
        ("unet:54", block("up_blocks.1.attentions.0", "attn1.to_q")),
        ("unet:130", block("up_blocks.3.attentions.2", "ff.net.0.proj")),
        ("unet:142", block("mid_block.attentions.0", "attn2.to_v")),
        ("text_encoder:0", "text_model.encoder.layers.0.self_attn.k_proj.weight".to_owned()),
        ("text_encoder:6", "text_model.encoder.layers.1.self_attn.q_proj.weight".to_owned()),
        ("text_encoder:47", "text_model.encoder.layers.11.self_attn.out_proj.weight".to_owned()),
    ];
    for (name, left_out) in [("lora_disney.safetensors", 2), ("analog_svd_rank4.safetensors", 0)] {
        let Some(path) = published(name) else { return };
        let lora = Lora::open(&path, &ModelConfig::sd15()).unwrap();
        assert_eq!((lora.modules().len(), lora.left_out().len()), (192, left_out));
        let merged = Merged::new(Zeros).with(&lora, Multipliers::both(0.8));
        let tensors = Tensors::read(&path);
        for (number, weight) in &layers {
            let side = |side: &str| tensors.get(&format!("{number}:{side}")).to_kind(Kind::Double);
            let expected = side("up").matmul(&side("down")) * 0.8;
            let part = if number.starts_with("unet") { Part::Unet } else { Part::TextEncoder };
            let found = merged.tensor(part, weight, &expected.size()).unwrap();
            // f32 against f64.
            assert!(difference(&found, &expected) < 1e-6, "{name}: {number}");
        }
    }
}
