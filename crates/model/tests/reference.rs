//! A MODEL as users write it, and the model that it opens.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Device, Kind};
use model::{BaseModel, ModelConfig, ModelError, ModelReference, Part, RandomConfig};
use support::golden;

fn parse(text: &str) -> ModelReference {
    text.parse().unwrap()
}

fn refusal(text: &str) -> String {
    text.parse::<ModelReference>().unwrap_err().to_string()
}

#[test]
fn every_form_is_understood_and_printed_back() {
    let random = |config, seed| ModelReference::Random { config, seed };
    let folder = golden("tiny");
    let file = golden("weights/original.ckpt");
    let hub = |repo: &str, revision: Option<&str>| ModelReference::Hub {
        repo: repo.into(),
        revision: revision.map(str::to_owned),
    };
    let ema = format!("{}@ema", file.display());
    assert_eq!(parse("mini"), ModelReference::Mini);
    assert_eq!(parse("random:sd15"), random(RandomConfig::Sd15, 0));
    assert_eq!(parse("random:mini@42"), random(RandomConfig::Mini, 42));
    assert_eq!(parse("random:some/folder@7"), random(RandomConfig::Folder("some/folder".into()), 7));
    assert_eq!(parse(folder.to_str().unwrap()), ModelReference::Folder(folder));
    assert_eq!(parse(&ema), ModelReference::EmaFile(file.clone()));
    assert_eq!(parse(file.to_str().unwrap()), ModelReference::File(file));
    let sd15 = "stable-diffusion-v1-5/stable-diffusion-v1-5";
    assert_eq!(parse(sd15), hub(sd15, None));
    assert_eq!(parse("owner/name@refs/pr/1"), hub("owner/name", Some("refs/pr/1")));
    for text in ["mini", "random:mini@42", "owner/name.v1", "owner/name@fp16", &ema] {
        assert_eq!(parse(text).to_string(), text);
    }
}

#[test]
fn an_existing_path_wins_over_a_hub_id() {
    // Tests run in the crate's own folder.
    assert_eq!(parse("tests/goldens"), ModelReference::Folder("tests/goldens".into()));
}

#[test]
fn what_is_no_model_is_refused_with_the_known_forms() {
    for text in
        ["", "sd15", "random:", "random:mini@soon", "a b/c", "a/b/c", "../x/y", "owner/", "a/b@", "a/b@/c", "a/b@c@d"]
    {
        assert!(text.parse::<ModelReference>().is_err(), "{text}");
    }
    assert!(refusal("sd15").contains("random:sd15"));
    assert_eq!(refusal("my/model.ckpt"), "my/model.ckpt does not exist; check the path of the model");
    assert_eq!(refusal("my/model.ckpt@ema"), "my/model.ckpt does not exist; check the path of the model");
    assert!(refusal("./missing").contains("does not exist"));
}

#[test]
fn a_hub_id_must_be_fetched_before_it_is_opened() {
    let error = BaseModel::open(&parse("owner/name@v2")).unwrap_err();
    assert!(matches!(error, ModelError::NotFetched(id) if id == "owner/name@v2"));
}

#[test]
fn a_folder_opens_with_its_own_configuration() {
    let base = BaseModel::open(&ModelReference::Folder(golden("tiny"))).unwrap();
    assert_eq!(*base.config(), ModelConfig::from_folder(&golden("tiny")).unwrap());
    assert_eq!(base.name(), "tiny");
    assert!(!base.is_untrained() && base.note().is_none());
    assert_eq!(base.text_encoder(Device::Cpu, Kind::Float).unwrap().parameters().len(), 36);
    assert_eq!(base.unet(Device::Cpu, Kind::Float).unwrap().parameters().len(), 686);
    assert_eq!(base.vae(Device::Cpu, Kind::Float).unwrap().parameters().len(), 248);
    assert_eq!(base.schedule().num_train_timesteps(), 1000);
}

#[test]
fn the_miniature_is_a_part_of_the_program_and_trained() {
    let base = BaseModel::open(&ModelReference::Mini).unwrap();
    assert_eq!(base.name(), "mini");
    assert_eq!(base.note(), None);
    assert_eq!(base.config().vae.class(), model::VaeClass::Tiny);
    let tensor = base.weights().tensor(Part::Unet, "conv_in.weight", &[64, 4, 3, 3]).unwrap();
    assert_eq!(tensor.size(), [64, 4, 3, 3]);
}

#[test]
fn an_untrained_model_says_so() {
    let base = BaseModel::open(&parse("random:mini")).unwrap();
    assert_eq!(base.name(), "random:mini@0");
    assert!(base.note().unwrap().contains("untrained"));
    assert_eq!(*BaseModel::open(&parse("random:sd15")).unwrap().config(), ModelConfig::sd15());
    let folder = format!("random:{}@1", golden("tiny").display());
    assert_eq!(*BaseModel::open(&parse(&folder)).unwrap().config(), ModelConfig::from_folder(&golden("tiny")).unwrap());
}
