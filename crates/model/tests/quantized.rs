//! A whole model in 8 bits is read as every other single file is, and its weights are as near as 8 bits allow.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::weights::named_tensors::NamedTensorFile;
use model::weights::{RandomSource, StoredTokens, TensorSpec, inventory, write_quantized};
use model::{
    BaseModel, ExportNotes, ModelConfig, ModelError, ModelReference, Overlay, Part, PredictionType, TextConfig,
    UNetConfig, VaeConfig, WeightSource,
};
use support::{F32_CPU, assert_same_bits};
use tempfile::TempDir;

const TOKENS: &str = "text_model.embeddings.token_embedding.weight";
/// Of the rows that are not stored.
const SEED: u64 = 5;
/// The ones that are, in no order and one of them twice.
const STORED: [i64; 5] = [320, 0, 49_407, 1125, 320];

/// CLIP's whole vocabulary, a tiny autoencoder, and settings that no shape shows.
fn config() -> ModelConfig {
    let text = TextConfig { hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, ..TextConfig::mini() };
    let unet = UNetConfig { block_out_channels: vec![32, 32, 64, 64], cross_attention_dim: 64, ..UNetConfig::mini() };
    let mut config = ModelConfig { text, unet, vae: VaeConfig::taesd(), ..ModelConfig::mini() };
    config.schedule.prediction_type = PredictionType::VPrediction;
    config
}

/// Weights whose output channels differ in size by up to two thousand times, as those of trained models do.
struct Uneven;

impl WeightSource for Uneven {
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor, ModelError> {
        let weights = RandomSource::new(1).tensor(part, name, shape)?;
        let sizes = (Tensor::arange(shape[0], F32_CPU).remainder(12) - 8.0).exp2();
        let mut sides = vec![1; shape.len()];
        sides[0] = -1;
        Ok(weights * sizes.view(sides.as_slice()))
    }
}

struct Written {
    folder: TempDir,
    path: PathBuf,
}

fn write(config: &ModelConfig, source: &dyn WeightSource) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let notes = ExportNotes { base_model: Some("toys".to_owned()), ..ExportNotes::default() };
    let written = write_quantized(&path, config, source, StoredTokens { ids: &STORED, seed: SEED }, &notes).unwrap();
    assert_eq!(written.bytes, fs::metadata(&path).unwrap().len());
    Written { folder, path }
}

fn open(path: &Path) -> Result<BaseModel, String> {
    BaseModel::open(&ModelReference::File(path.to_owned())).map_err(|error| error.to_string())
}

/// The bytes as they stand in a program.
fn embedded(bytes: &[u8]) -> Result<BaseModel, String> {
    let bytes: &'static [u8] = Vec::leak(bytes.to_vec());
    BaseModel::embedded(ModelReference::Mini, bytes).map_err(|error| error.to_string())
}

fn is_token_table(spec: &TensorSpec) -> bool {
    spec.part == Part::TextEncoder && spec.name == TOKENS
}

fn read(base: &BaseModel, TensorSpec { part, name, shape }: &TensorSpec) -> Tensor {
    base.weights().tensor(*part, name, shape).unwrap()
}

/// How far a weight of each output channel may be off: half a step of an 8-bit number that ends at 127, and half a unit in the
/// last of fp16's eleven places, which below 6e-5 are fewer. A step may be 1/512 longer, because it is bf16.
fn bounds(weights: &Tensor) -> Tensor {
    let largest = weights.flatten(1, -1).abs().amax([1i64].as_slice(), true);
    let half_a_step = (1.0 + 2f64.powi(-9)) / 254.0;
    &largest * (half_a_step + 2f64.powi(-11)) + 2f64.powi(-25)
}

#[test]
fn every_weight_is_within_half_a_step_of_its_channel_and_small_tensors_are_fp16() {
    let written = write(&config(), &Uneven);
    let base = open(&written.path).unwrap();
    let mut quantized = 0;
    for spec in inventory(&config()).unwrap().iter().filter(|spec| !is_token_table(spec)) {
        let weights = Uneven.tensor(spec.part, &spec.name, &spec.shape).unwrap();
        let found = read(&base, spec);
        assert_eq!(found.kind(), Kind::Half);
        if spec.shape.len() == 1 || weights.numel() < 4096 {
            assert_same_bits(&found, &weights.to_kind(Kind::Half));
            continue;
        }
        quantized += weights.numel();
        let off = (found.to_kind(Kind::Float) - &weights).abs().flatten(1, -1);
        let worst = (off / bounds(&weights)).max().double_value(&[]);
        // Written so that a NaN fails.
        assert!(worst <= 1.0, "{}: {worst} of what it may be off", spec.name);
    }
    assert!(quantized > 3_000_000, "{quantized}");
}

#[test]
fn tokens_that_are_not_stored_have_the_rows_of_the_seed_to_the_bit() {
    let written = write(&config(), &Uneven);
    let spec = inventory(&config()).unwrap().into_iter().find(is_token_table).unwrap();
    let table = read(&open(&written.path).unwrap(), &spec);
    let ids = Tensor::from_slice(&STORED);
    let trained = Uneven.tensor(spec.part, &spec.name, &spec.shape).unwrap().index_select(0, &ids);
    assert_same_bits(&table.index_select(0, &ids), &trained.to_kind(Kind::Half).to_kind(Kind::Float));
    let drawn = RandomSource::new(SEED).tensor(spec.part, &spec.name, &spec.shape).unwrap();
    let expected = drawn.index_copy(0, &ids, &table.index_select(0, &ids));
    assert_same_bits(&table, &expected);
}

#[test]
fn the_file_says_its_configuration_and_where_it_comes_from() {
    let written = write(&config(), &Uneven);
    assert_eq!(open(&written.path).unwrap().config(), &config());
    let file = NamedTensorFile::open(&written.path).unwrap();
    assert_eq!(file.metadata()["dreambooth.base_model"], "toys");
    assert_eq!(file.metadata()["dreambooth.quantized"], r#"{"version":1,"seed":5,"vocab_size":49408}"#);
}

#[test]
fn the_same_model_gives_the_same_file() {
    let [first, second] = [write(&config(), &Uneven), write(&config(), &Uneven)];
    assert!(fs::read(&first.path).unwrap() == fs::read(&second.path).unwrap());
}

#[test]
fn in_the_program_it_is_the_model_that_it_is_in_a_file() {
    let written = write(&config(), &Uneven);
    let [file, program] = [open(&written.path), embedded(&fs::read(&written.path).unwrap())].map(Result::unwrap);
    assert_eq!(program.config(), file.config());
    assert_eq!(program.name(), "mini");
    for spec in inventory(&config()).unwrap() {
        assert_same_bits(&read(&program, &spec), &read(&file, &spec));
    }
    assert_eq!(program.fingerprint().unwrap(), file.fingerprint().unwrap());
}

#[test]
fn its_exports_hold_the_bits_that_it_is_drawn_with() {
    let written = write(&config(), &Uneven);
    let base = open(&written.path).unwrap();
    for name in ["exported.safetensors", "exported.ckpt", "exported"] {
        let path = written.folder.path().join(name);
        base.export(&path).unwrap();
        let exported = BaseModel::open(&path.to_str().unwrap().parse().unwrap()).unwrap();
        assert_eq!(exported.config(), base.config());
        for spec in inventory(&config()).unwrap() {
            assert_same_bits(&read(&exported, &spec), &read(&base, &spec).to_kind(Kind::Half));
        }
        assert_eq!(exported.fingerprint().unwrap(), base.fingerprint().unwrap(), "{name}");
    }
}

/// The largest weight of a channel is 127 steps, and fp16 moves no weight by half a step.
#[test]
fn what_was_quantized_once_loses_nothing_more() {
    let first = write(&config(), &Uneven);
    let second = write(&config(), open(&first.path).unwrap().weights());
    assert!(fs::read(&first.path).unwrap() == fs::read(&second.path).unwrap());
}

/// The deviation of `found` from `reference`, as a part of how far the latter deviates from its mean.
fn relative(found: &Tensor, reference: &Tensor) -> f64 {
    ((found - reference).square().mean(Kind::Float).sqrt() / reference.std(true)).double_value(&[])
}

/// The steps of one channel are 1/127 of its largest weight, so roundings, evenly spread within half a step, are about
/// 1/127/√12 = 0.0023 of it, and 0.004 of weights that are evenly spread themselves. They are independent, so a layer's sum
/// keeps this part, and some ten layers in a row add up to √10 as much.
const NETWORK_TOLERANCE: f64 = 0.02;

#[test]
fn its_networks_compute_nearly_what_those_of_the_whole_weights_do() {
    let random = RandomSource::new(SEED);
    let written = write(&config(), &random);
    let folder = written.folder.path().join("whole");
    model::export_diffusers(&folder, &config(), &random, &ExportNotes::default()).unwrap();
    let whole = BaseModel::open(&ModelReference::Folder(folder)).unwrap();
    let quantized = open(&written.path).unwrap();
    let latents = (Tensor::arange(2 * 4 * 16 * 16, F32_CPU) * 0.7).sin().view([2, 4, 16, 16]);
    let compute = |base: &BaseModel| {
        let (device, kind) = (Device::Cpu, Kind::Float);
        let ids = Tensor::from_slice(&base.tokenizer().encode_padded("a photo of a robot")).unsqueeze(0);
        let text = base.text_encoder(device, kind).unwrap();
        let (unet, vae) = (base.unet(device, kind).unwrap(), base.vae(device, kind).unwrap());
        no_grad(|| {
            let context = text.forward(&ids, kind).expand([2, -1, -1], false);
            let noise = unet.forward(&latents, &Tensor::from_slice(&[900_i64, 30]), &context);
            [context, noise, vae.decode(&latents)]
        })
    };
    for ((what, found), expected) in
        ["context", "noise", "picture"].iter().zip(compute(&quantized)).zip(compute(&whole))
    {
        let relative = relative(&found, &expected);
        assert!(relative < NETWORK_TOLERANCE, "{what}: {relative}");
    }
}

#[test]
fn a_model_of_fourteen_million_numbers_and_three_hundred_tokens_has_at_most_fifteen_megabytes() {
    let (down, up) = ("CrossAttnDownBlock2D".to_owned(), "CrossAttnUpBlock2D".to_owned());
    let mut config = config();
    config.text = TextConfig { hidden_size: 128, intermediate_size: 512, num_hidden_layers: 4, ..TextConfig::mini() };
    config.unet = UNetConfig {
        block_out_channels: vec![64, 128, 192],
        down_block_types: vec![down; 3],
        up_block_types: vec![up; 3],
        layers_per_block: 1,
        cross_attention_dim: 128,
        ..UNetConfig::mini()
    };
    let specs = inventory(&config).unwrap();
    let numbers = |spec: &TensorSpec| spec.shape.iter().product::<i64>();
    let count: i64 = specs.iter().filter(|spec| !is_token_table(spec)).map(numbers).sum();
    assert_eq!(count, 14_407_883);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let ids: Vec<i64> = (0..300).collect();
    let (tokens, source) = (StoredTokens { ids: &ids, seed: SEED }, RandomSource::new(SEED));
    let written = write_quantized(&path, &config, &source, tokens, &ExportNotes::default()).unwrap();
    assert!(written.bytes <= 15_000_000, "{}", written.bytes);
}

#[test]
fn a_damaged_file_is_refused_with_one_sentence() {
    let written = write(&config(), &Uneven);
    let whole = fs::read(&written.path).unwrap();
    let data = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let refused = |bytes: &[u8]| {
        fs::write(&written.path, bytes).unwrap();
        let [file, program] = [open(&written.path), embedded(bytes)].map(Result::unwrap_err);
        assert!(file.contains("model.safetensors is not a usable model file: "), "{file}");
        assert_eq!(file.replace(written.path.to_str().unwrap(), "mini"), program);
        program
    };
    for place in [data, data + 1000, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        let sentence = refused(&bytes);
        assert!(sentence.ends_with("its tensors do not have the SHA-256 that it tells; get it again"), "{sentence}");
    }
    for length in [data - 1, data, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..length]);
    }
    let changed = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let start = whole.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut bytes = whole.clone();
        bytes[start..start + to.len()].copy_from_slice(to.as_bytes());
        refused(&bytes)
    };
    let sentence = changed(r#"version\":1"#, r#"version\":2"#);
    assert!(sentence.contains("its 8-bit form has version 2; this program reads version 1"), "{sentence}");
    let sentence = changed(r#"{\"version\":1"#, r#"{\"verzion\":1"#);
    assert!(sentence.contains("its entry dreambooth.quantized cannot be used: missing field `version`"), "{sentence}");
    let sentence = changed(r#"\"seed\":5,\"vocab_size\":49408}"#, r#"\"seed\":5,\"vocab_size\":49407}"#);
    assert!(sentence.contains("not ascending within a vocabulary of 49407"), "{sentence}");
    let sentence = changed("input_blocks.0.0.weight", "input_blocks.0.0.weighs");
    assert!(sentence.contains("it has no tensor model.diffusion_model.input_blocks.0.0.weight"), "{sentence}");
    let sentence = changed("attn1.to_k.weight.scales", "attn1.to_k.weight.scalez");
    assert!(sentence.contains("weight.scales is not one bf16 for each output channel of"), "{sentence}");
}

#[test]
fn it_has_no_averages() {
    let written = write(&config(), &Uneven);
    let error = BaseModel::open(&ModelReference::EmaFile(written.path)).unwrap_err().to_string();
    assert!(error.contains("it has no EMA weights (model_ema.*)"), "{error}");
}

#[test]
fn what_cannot_be_kept_is_refused_and_no_file_remains() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let refused = |source: &dyn WeightSource, ids: &[i64]| {
        let (tokens, notes) = (StoredTokens { ids, seed: SEED }, ExportNotes::default());
        let error = write_quantized(&path, &config(), source, tokens, &notes).unwrap_err().to_string();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        error
    };
    let beyond = refused(&Uneven, &[0, 49_408]);
    assert!(beyond.contains("token 49408 is not one of the 49408 of its vocabulary"), "{beyond}");
    assert!(refused(&Uneven, &[-1]).contains("token -1 is not one"));
    let with = |value: f64| {
        let specs = inventory(&config()).unwrap().into_iter().filter(|spec| spec.part == Part::Vae);
        let weights: Vec<_> = specs.map(|spec| (spec.name, Tensor::full(&spec.shape, value, F32_CPU))).collect();
        refused(&Overlay::new(&Uneven).with(Part::Vae, &weights), &[])
    };
    assert!(with(f64::NAN).contains("holds a value that is not a finite number"));
    assert!(with(1e6).contains("has grown to 1e6"));
}
