//! What is no Stable Diffusion 1.x model is refused by a sentence that says what it is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use engine::tch::{Device, Kind, Tensor};
use model::weights::SingleFileSource;
use model::{ModelConfig, PredictionType};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use support::changed_tiny;

const UNET: &str = "model.diffusion_model.input_blocks.0.0.weight";
const TEXT: &str = "cond_stage_model.transformer.text_model.final_layer_norm.bias";

/// A safetensors file of these tensors, filled with zeros.
fn write_shapes(path: &Path, tensors: &[(&str, &[usize])]) {
    let zeros = vec![0; 4 << 10];
    let views = tensors.iter().map(|(name, shape)| {
        let length = 4 * shape.iter().product::<usize>();
        (*name, TensorView::new(Dtype::F32, shape.to_vec(), &zeros[..length]).unwrap())
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}

fn refusal(path: &Path) -> String {
    SingleFileSource::open(path).unwrap_err().to_string()
}

#[test]
fn single_files_of_other_kinds_are_called_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    let cases: [(&[&str], &str); 19] = [
        (&[UNET, "conditioner.embedders.0.transformer.weight"], "a Stable Diffusion XL model"),
        (&[UNET, "conditioner.embedders.0.model.ln_final.weight"], "a Stable Diffusion XL refiner"),
        (&[UNET, "cond_stage_model.model.ln_final.weight"], "a Stable Diffusion 2.x model"),
        (&["model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight"], "a Stable Diffusion 3 model"),
        (&["double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight"], "a Flux model"),
        (&["lora_unet_down_blocks_0.lora_up.weight"], "a LoRA"),
        (&["unet.down_blocks.0.attentions.0.to_q.lora_A.weight", "text_model.x.lora_B.weight"], "a LoRA"),
        (&["lycoris_unet_mid_block.hada_w1_a"], "a LoRA"),
        (&["control_model.input_blocks.0.0.weight"], "a ControlNet"),
        (&["emb_params"], "an embedding (textual inversion)"),
        (&["encoder.conv_in.weight", "decoder.conv_out.weight"], "a VAE alone"),
        (&["first_stage_model.encoder.conv_in.weight"], "a VAE alone"),
        (&["down_blocks.0.resnets.0.conv1.weight", "conv_in.weight"], "a UNet alone"),
        (&["text_model.final_layer_norm.weight"], "a text encoder alone"),
        (&["transformer.weight"], "no UNet"),
        (&[UNET], "no text encoder"),
        (&[UNET, TEXT], "no VAE"),
        (&[UNET, TEXT, "model.diffusion_model.label_emb.0.0.weight"], "a Stable Diffusion XL or 2.x UNet"),
        (&["1.weight", "2.weight", "3.weight", "4.weight", "5.weight"], "no UNet"),
    ];
    for (names, expected) in cases {
        let tensors: Vec<_> = names.iter().map(|name| (*name, &[1_usize][..])).collect();
        write_shapes(&path, &tensors);
        let sentence = refusal(&path);
        assert!(sentence.contains(expected) && sentence.contains("other.safetensors"), "{expected}: {sentence}");
    }
}

#[test]
fn widened_unets_are_called_what_they_were_made_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.safetensors");
    for (channels, expected) in [(9, "an inpainting model (its UNet reads 9 channels)"), (8, "by instruction")] {
        write_shapes(&path, &[(UNET, &[2, channels, 3, 3]), (TEXT, &[2])]);
        let sentence = refusal(&path);
        assert!(sentence.contains(expected), "{sentence}");
    }
}

#[test]
fn embeddings_of_every_program_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("learned_embeds.safetensors");
    write_shapes(&path, &[("<my-dog>", &[768])]);
    assert!(refusal(&path).contains("it is an embedding"), "{}", refusal(&path));

    // AUTOMATIC1111's: a dictionary in a dictionary, pickled.
    let path = folder.path().join("dog.pt");
    let pickle = b"\x80\x02}(X\x0f\x00\x00\x00string_to_paramX\x01\x00\x00\x00*u.";
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("archive/data.pkl", stored).unwrap();
    std::io::Write::write_all(&mut zip, pickle).unwrap();
    zip.finish().unwrap();
    assert!(refusal(&path).contains("it is an embedding (textual inversion)"), "{}", refusal(&path));
}

#[test]
fn folders_of_other_kinds_are_called_by_their_names() {
    let index = |index: Value| {
        let folder = changed_tiny(&[]);
        fs::write(folder.path().join("model_index.json"), index.to_string()).unwrap();
        ModelConfig::from_folder(folder.path()).unwrap_err().to_string()
    };
    let clip = json!(["transformers", "CLIPTextModel"]);
    let xl = json!({"text_encoder": clip, "text_encoder_2": clip, "unet": ["diffusers", "UNet2DConditionModel"]});
    assert!(index(xl).contains("it is a Stable Diffusion XL model"));
    let refiner = json!({"text_encoder": [null, null], "text_encoder_2": clip});
    assert!(index(refiner).contains("it is a Stable Diffusion XL refiner"));
    let flux = json!({"_class_name": "FluxPipeline", "transformer": ["diffusers", "FluxTransformer2DModel"]});
    assert!(index(flux).contains("it is a diffusion transformer (FluxPipeline)"));

    let alone = |file: &str, content: Value| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(file), content.to_string()).unwrap();
        ModelConfig::from_folder(folder.path()).unwrap_err().to_string()
    };
    assert!(alone("config.json", json!({"_class_name": "AutoencoderKL"})).contains("it is a VAE alone"));
    assert!(alone("config.json", json!({"_class_name": "UNet2DConditionModel"})).contains("it is a UNet alone"));
    assert!(alone("adapter_config.json", json!({})).contains("it is a LoRA"));
    assert!(alone("learned_embeds.bin", json!(0)).contains("it is an embedding"));
    assert!(alone("readme.txt", json!(0)).contains("it is not a model in the diffusers layout"));
}

/// The miniature in one file, with `marks` beside its tensors and `said` in its metadata, but no configuration of ours.
fn open_marked(marks: &[&str], said: Option<&str>) -> Result<PredictionType, String> {
    let folder = tempfile::tempdir().unwrap();
    let [exported, marked] = ["exported.safetensors", "marked.safetensors"].map(|name| folder.path().join(name));
    model::BaseModel::open(&"random:mini".parse().unwrap()).unwrap().export(&exported).unwrap();
    let bytes = fs::read(&exported).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let marks = marks.iter().map(|name| (*name, TensorView::new(Dtype::F16, vec![0], &[]).unwrap()));
    let metadata = said.map(|said| [("modelspec.prediction_type".to_owned(), said.to_owned())].into());
    safetensors::serialize_to_file(file.iter().chain(marks), metadata, &marked).unwrap();
    let opened = SingleFileSource::open(&marked).map_err(|error| error.to_string())?;
    Ok(opened.config().schedule.prediction_type)
}

#[test]
fn a_file_without_our_configuration_may_say_that_it_predicts_v() {
    assert_eq!(open_marked(&[], None), Ok(PredictionType::Epsilon));
    assert_eq!(open_marked(&["v_pred"], None), Ok(PredictionType::VPrediction));
    assert_eq!(open_marked(&[], Some("v")), Ok(PredictionType::VPrediction));
    assert_eq!(open_marked(&[], Some("epsilon")), Ok(PredictionType::Epsilon));
    let sentence = open_marked(&["v_pred", "ztsnr"], None).unwrap_err();
    assert!(sentence.contains("zero terminal SNR (its entry ztsnr)"), "{sentence}");
}

#[test]
fn a_folder_that_predicts_v_keeps_doing_so_through_an_export() {
    let folder = changed_tiny(&[("scheduler/scheduler_config.json", "prediction_type", json!("v_prediction"))]);
    let base = model::BaseModel::open(&model::ModelReference::Folder(folder.path().to_owned())).unwrap();
    let sample = Tensor::ones([1, 4, 8, 8], (Kind::Float, Device::Cpu));
    let noise = &sample * 0.5;
    let timestep = Tensor::from_slice(&[500_i64]);
    let expected = base.schedule().velocity(&sample, &noise, &timestep);
    assert!(!expected.equal(&noise));
    for name in ["v.safetensors", "v.ckpt"] {
        let path = folder.path().join(name);
        base.export(&path).unwrap();
        let again = model::BaseModel::open(&model::ModelReference::File(path)).unwrap();
        assert_eq!(again.schedule().prediction_type(), PredictionType::VPrediction, "{name}");
        // What training aims at.
        assert!(again.schedule().target(&sample, &noise, &timestep).equal(&expected), "{name}");
    }
}
