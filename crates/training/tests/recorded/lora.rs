//! A LoRA of both networks beside peft's, and the model that it is merged into.

use std::collections::BTreeSet;

use engine::tch::{Device, Kind, Tensor};
use engine::{Parameter, no_grad};
use model::base::BaseModel;
use model::{Lora, LoraModule, LoraSettings, Multipliers, UNet};
use training::networks::Layout;

use crate::course::Both;
use crate::given::{draw, ids, uniform};
use crate::objectives::{pair, pairs};
use crate::recording::{Recording, difference, metadata, tiny};

/// As recorded: the product is halved.
const SETTINGS: LoraSettings = LoraSettings { rank: 4, alpha: 2.0, seed: 0 };
/// Relative; float32 differs from float64 by 4e-6.
const NORM: f64 = 1e-4;

/// Sets an adapter's matrix to the recorded start, which its name gives.
fn start(parameter: &Parameter) {
    let shape = parameter.master().size();
    let amplitude = if parameter.name().ends_with("lora_up.weight") { 0.1 } else { (shape[1] as f64).powf(-0.5) };
    parameter.load(&uniform(parameter.name(), 0, &shape, amplitude, 0.0)).unwrap();
}

fn module(name: &str) -> String {
    name.split('.').next().unwrap().to_owned()
}

/// What a UNet answers to the noise of the step after the last.
fn prediction(unet: &UNet, context: &Tensor) -> Tensor {
    let drawn = draw(10, 2, 0.0);
    no_grad(|| unet.forward(&drawn.noise, &drawn.timesteps, context))
}

/// The base model with the adapters of `tensors` added to its weights.
fn merged(tensors: &[(String, Tensor)]) -> BaseModel {
    let base = tiny();
    let modules = LoraModule::of_adapter(tensors, SETTINGS.alpha).unwrap();
    let lora = Lora::new(base.config(), modules).unwrap();
    base.merged(&lora, Multipliers::both(1.0))
}

#[test]
fn a_lora_learns_as_pefts_and_its_merged_model_answers_as_it_does() {
    let base = tiny();
    let mut recording = Recording::open("lora", "lora", NORM);
    let both = Both::load(&base, &Layout { adapter: Some(SETTINGS), ..Layout::FP32 });
    both.parameters.iter().flatten().for_each(start);
    let modules: BTreeSet<String> = both.parameters.iter().flatten().map(|weight| module(weight.name())).collect();
    let recorded = metadata("lora")["modules"].as_str().unwrap().split(' ').map(Into::into).collect();
    assert_eq!(modules, recorded);

    let (length, mut trained) = ((recording.base_rate(), recording.steps()), Vec::new());
    let course = pairs(&base, length.1);
    let (text, unet) = both.train(&course, length, (Kind::Float, 0), &mut |record, state| {
        recording.compare(record, state);
        let parameters = state.trainees().iter().flat_map(|trainee| trainee.optimizer.parameters());
        trained = parameters.map(|weight| (weight.name().to_owned(), weight.master().shallow_clone())).collect();
    });

    let context = no_grad(|| text.forward(&ids(&pair(0), 0), Kind::Float));
    let (recorded_context, recorded) = (recording.take("context"), recording.take("prediction"));
    // Of values of size 1 to 5; float32 PyTorch differs by 3e-6.
    assert!(difference(&context, &recorded_context) < 1e-4);
    assert!(difference(&prediction(&unet, &context), &recorded) < 1e-4);
    let merged = merged(&trained);
    let text = merged.text_encoder(Device::Cpu, Kind::Float).unwrap();
    let unet = merged.unet(Device::Cpu, Kind::Float).unwrap();
    let context = no_grad(|| text.forward(&ids(&pair(0), 0), Kind::Float));
    let of_merged = difference(&prediction(&unet, &context), &recorded);
    assert!(of_merged < 1e-4, "{of_merged:e}");
    recording.finish();
}
