//! Pictures become the vectors that transformers makes of them, from the same folders.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use engine::tch::{Device, Tensor};
use model::vision::{ClipFolder, DinoFolder, ImageProcessor, Picture, ProcessorType};
use serde_json::{Value, json};
use support::{OUTPUT_TOLERANCE, Tensors, assert_close, assert_same_bits, golden};
use tempfile::TempDir;

const PICTURES: [&str; 5] = ["small", "portrait", "large", "square", "exact"];

fn picture(goldens: &Tensors, name: &str) -> Picture {
    let pixels = goldens.get(&format!("picture.{name}"));
    let [height, width, _] = pixels.size()[..] else { panic!("{name} is no picture") };
    let rgb = Vec::<u8>::try_from(pixels.flatten(0, -1)).unwrap();
    Picture::new(width as usize, height as usize, rgb).unwrap()
}

/// Every so many rows and columns.
fn thinned(pixels: &Tensor, rows: i64, columns: i64) -> Tensor {
    pixels.slice(1, 0, None, rows).slice(2, 0, None, columns).contiguous()
}

#[test]
fn a_network_sees_to_the_last_bit_what_transformers_processors_show_it() {
    let goldens = Tensors::read(&golden("vision/processors.safetensors"));
    for case in ["clip", "clip_padded", "bit", "vit", "vit_lanczos"] {
        let file = golden(&format!("vision/processors/{case}.json"));
        let processor = ImageProcessor::read(&file, ProcessorType::Clip).unwrap();
        for name in PICTURES {
            let pixels = processor.pixel_values(&picture(&goldens, name)).unwrap();
            let (rows, columns) = if name == "large" { (1, 1) } else { (3, 2) };
            assert_same_bits(&thinned(&pixels, rows, columns), &goldens.get(&format!("{case}.{name}")));
        }
    }
}

#[test]
fn without_a_file_the_processor_has_the_defaults_of_transformers() {
    let goldens = Tensors::read(&golden("vision/processors.safetensors"));
    let empty = tempfile::tempdir().unwrap();
    for (case, usual) in [("clip_default", ProcessorType::Clip), ("vit_default", ProcessorType::Vit)] {
        let processor = ImageProcessor::open(empty.path(), usual).unwrap();
        let pixels = processor.pixel_values(&picture(&goldens, "portrait")).unwrap();
        assert_eq!(pixels.size(), [3, 224, 224]);
        assert_same_bits(&thinned(&pixels, 16, 16), &goldens.get(&format!("{case}.portrait")));
    }
}

#[test]
fn older_and_newer_processors_see_the_same_and_sizes_may_be_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let read = |keys: Value| {
        let file = folder.path().join("processor.json");
        fs::write(&file, keys.to_string()).unwrap();
        ImageProcessor::read(&file, ProcessorType::Clip).unwrap()
    };
    let recorded = |case: &str| {
        let text = fs::read_to_string(golden(&format!("vision/processors/{case}.json"))).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let clip = read(recorded("clip"));
    assert_eq!(read(json!({"feature_extractor_type": "CLIPFeatureExtractor", "size": 32, "crop_size": 32})), clip);
    let mut fast = recorded("clip");
    fast["image_processor_type"] = "CLIPImageProcessorFast".into();
    assert_eq!(read(fast), clip);
    let mut square = recorded("vit");
    square["size"] = 24.into();
    assert_eq!(read(square), read(recorded("vit")));
}

/// Vectors agree to the rounding of f32, which for networks of this size is what `tools/goldens/README.md` says of all of them.
fn assert_vectors(case: &str, embed: &dyn Fn(&Picture) -> Tensor) {
    let pictures = Tensors::read(&golden("vision/processors.safetensors"));
    let goldens = Tensors::read(&golden("vision/embeddings.safetensors"));
    for name in PICTURES {
        let key = format!("{case}.{name}");
        assert_close(&key, &embed(&picture(&pictures, name)), &goldens.get(&key), OUTPUT_TOLERANCE);
    }
}

#[test]
fn clip_sees_pictures_and_reads_prompts_as_transformers_does() {
    let clip = ClipFolder::open(&golden("vision/clip")).unwrap().load(Device::Cpu).unwrap();
    assert_vectors("clip", &|picture| clip.embed_picture(picture).unwrap());
    let goldens = Tensors::read(&golden("vision/embeddings.safetensors"));
    let text = clip.embed_tokens(&goldens.get("clip.ids")).unwrap();
    assert_close("text", &text, &goldens.get("clip.text"), OUTPUT_TOLERANCE);
}

#[test]
fn the_end_token_of_old_files_is_the_largest_one() {
    let folder = changed("clip", |config| config["text_config"]["eos_token_id"] = 2.into());
    let clip = ClipFolder::open(folder.path()).unwrap().load(Device::Cpu).unwrap();
    let goldens = Tensors::read(&golden("vision/embeddings.safetensors"));
    let text = clip.embed_tokens(&goldens.get("clip.ids")).unwrap();
    assert_close("text", &text, &goldens.get("clip.text"), OUTPUT_TOLERANCE);
}

#[test]
fn a_clip_without_a_text_tower_sees_alone() {
    let folder = ClipFolder::open(&golden("vision/clip_vision")).unwrap();
    assert!(!folder.reads_prompts().unwrap());
    let clip = folder.load(Device::Cpu).unwrap();
    assert_vectors("clip_vision", &|picture| clip.embed_picture(picture).unwrap());
    assert!(clip.embed_prompt("a dog").is_none());
}

#[test]
fn dino_sees_pictures_as_transformers_vision_transformer_does() {
    let dino = DinoFolder::open(&golden("vision/dino")).unwrap().load(Device::Cpu).unwrap();
    assert_vectors("dino", &|picture| dino.embed_picture(picture).unwrap());
}

/// A golden folder with another configuration.
fn changed(name: &str, change: impl FnOnce(&mut Value)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(golden(&format!("vision/{name}"))).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    rewrite(&folder.path().join("config.json"), change);
    folder
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut keys = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    change(&mut keys);
    fs::write(path, Value::to_string(&keys)).unwrap();
}

/// The sentence without its folder.
fn sentence(folder: &TempDir, error: &model::ModelError) -> String {
    error
        .to_string()
        .replace(&format!("{}/", folder.path().display()), "")
        .replace(&folder.path().display().to_string(), "FOLDER")
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_in_one_sentence_before_a_weight_is_read() {
    let refused = |change: fn(&mut Value)| {
        let folder = changed("clip", change);
        sentence(&folder, &ClipFolder::open(folder.path()).unwrap_err())
    };
    assert_eq!(
        refused(|config| config["model_type"] = "siglip".into()),
        "config.json: model_type is \"siglip\"; only clip and clip_vision_model are supported: give the folder of a \
         CLIPModel, such as openai/clip-vit-base-patch32"
    );
    assert_eq!(
        refused(|config| config["vision_config"]["hidden_act"] = "swish".into()),
        "config.json: \"swish\" is no supported hidden_act; known are quick_gelu, gelu"
    );
    assert_eq!(
        refused(|config| config["vision_config"]["patch_size"] = 4.into()),
        "model.safetensors: tensor vision_model.embeddings.patch_embedding.weight has shape [32, 3, 8, 8], but its \
         configuration asks for [32, 3, 4, 4]"
    );
    assert_eq!(
        refused(|config| config["text_config"]["num_hidden_layers"] = 3.into()),
        "model.safetensors has no tensor text_model.encoder.layers.2.self_attn.k_proj.weight"
    );
    assert_eq!(
        refused(|config| config["vision_config"]["image_size"] = 40.into()),
        "preprocessor_config.json: it yields pictures of 32 × 32 pixels, but image_size in config.json is 40; both must \
         come from one model"
    );

    let folder = changed("dino", |config| config["model_type"] = "dinov2".into());
    assert_eq!(
        sentence(&folder, &DinoFolder::open(folder.path()).unwrap_err()),
        "config.json: model_type is \"dinov2\"; only vit is supported: give the folder of a ViTModel, such as \
         facebook/dino-vits16"
    );
    let folder = changed("dino", |_| ());
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert_eq!(
        sentence(&folder, &DinoFolder::open(folder.path()).unwrap_err()),
        "FOLDER is not a usable model file: it holds no weights; one of model.safetensors, pytorch_model.bin must be there"
    );
}

#[test]
fn a_processor_that_cannot_be_followed_is_refused_in_one_sentence() {
    let refused = |change: fn(&mut Value)| {
        let folder = changed("dino", |_| ());
        rewrite(&folder.path().join("preprocessor_config.json"), change);
        sentence(&folder, &DinoFolder::open(folder.path()).unwrap_err())
    };
    let named = |sentence: &str| format!("preprocessor_config.json: {sentence}");
    assert_eq!(
        refused(|keys| keys["image_processor_type"] = "BlipImageProcessor".into()),
        named(
            "image_processor_type is \"BlipImageProcessor\"; known are CLIPImageProcessor, BitImageProcessor, \
             ViTImageProcessor: give the folder of a model with one of them"
        )
    );
    assert_eq!(
        refused(|keys| keys["resample"] = 0.into()),
        named("resample is 0; known are 1 (lanczos), 2 (bilinear) and 3 (bicubic)")
    );
    assert_eq!(
        refused(|keys| keys["size"] = json!({"height": 5000, "width": 24})),
        named("size.height is 5000; it must be from 1 to 4096")
    );
    assert_eq!(
        refused(|keys| keys["image_std"] = json!([1, 0, 1])),
        named("image_std is [1.0, 0.0, 1.0]; none of its numbers may be 0")
    );
    assert_eq!(
        refused(|keys| keys["image_mean"] = json!([1, 2])),
        named("image_mean is [1,2]; it must be three numbers")
    );
    assert_eq!(refused(|keys| keys["do_resize"] = "no".into()), named("do_resize is \"no\"; it must be true or false"));
}

#[test]
fn a_vocabulary_that_is_not_clips_is_refused_when_prompts_are_to_be_read() {
    let folder = ClipFolder::open(&golden("vision/clip")).unwrap();
    let sentence = folder.reads_prompts().unwrap_err().to_string();
    assert!(
        sentence.contains("knows 400 tokens and 77 positions, but CLIP's tokenizer needs 49408 and 77"),
        "{sentence}"
    );
}

#[test]
fn bytes_that_are_no_picture_make_none() {
    assert!(Picture::new(2, 2, vec![0; 11]).is_none());
    assert!(Picture::new(0, 2, Vec::new()).is_none());
    assert!(Picture::new(usize::MAX, 2, Vec::new()).is_none());
}
