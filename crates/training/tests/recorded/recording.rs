//! A recorded training: its numbers, how far the product's may be from them, and that none was forgotten.

use std::collections::{HashMap, HashSet};
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};

use engine::tch::Tensor;
use model::base::BaseModel;
use training::stage::{StageState, StepRecord};

/// Relative. Float32 differs from float64 by up to 4e-6 of a loss.
const LOSS: f64 = 1e-4;
/// Relative; how far 6e-4 of a norm may be from float64, which reacts to single weights.
pub(crate) const NORM: f64 = 5e-3;
/// Of the sum of the rates so far, in which a weight moves by at most its share of one.
const WEIGHT: f64 = 1e-2;
/// The first step alone is as small as 1e-4, of which the spacing of float32 around a weight of size 1 to 4 is 2e-3.
const FIRST_WEIGHT: f64 = 3e-2;

fn crate_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The tiny base model that all cases start from.
pub(crate) fn tiny() -> BaseModel {
    let folder = crate_file("../model/tests/goldens/tiny");
    BaseModel::open(&folder.display().to_string().parse().unwrap()).unwrap()
}

/// All tensors of a fixture.
pub(crate) fn fixture(name: &str) -> HashMap<String, Tensor> {
    let path = crate_file("tests/goldens").join(format!("{name}.safetensors"));
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

/// What the fixture says about itself.
pub(crate) fn metadata(name: &str) -> serde_json::Value {
    let file = std::fs::read(crate_file("tests/goldens").join(format!("{name}.safetensors"))).unwrap();
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
    serde_json::from_str(header["__metadata__"]["about"].as_str().unwrap()).unwrap()
}

/// The largest difference of two tensors; NaN where something is.
pub(crate) fn difference(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    (found.detach() - expected).abs().max().double_value(&[])
}

/// One case of a fixture, and the largest deviations that were seen.
#[derive(Debug)]
pub(crate) struct Recording {
    case: &'static str,
    tensors: HashMap<String, Tensor>,
    norm_tolerance: f64,
    compared: HashSet<String>,
    rates: f64,
    worst: Worst,
}

/// The largest deviations: relative ones, and those of weights by the sum of the rates.
#[derive(Debug, Default)]
struct Worst {
    loss: f64,
    norm: f64,
    weights: Vec<(u64, f64)>,
}

impl Recording {
    pub(crate) fn open(file: &str, case: &'static str, norm_tolerance: f64) -> Self {
        let of_case = |name: &str| name.strip_prefix(case).is_some_and(|rest| rest.starts_with('.'));
        let tensors = fixture(file).into_iter().filter(|(name, _)| of_case(name)).collect();
        Self { case, tensors, norm_tolerance, compared: HashSet::new(), rates: 0.0, worst: Worst::default() }
    }

    /// A tensor of the case, which counts as compared.
    pub(crate) fn take(&mut self, name: &str) -> Tensor {
        let key = format!("{}.{name}", self.case);
        let tensor = self.tensors[&key].shallow_clone();
        self.compared.insert(key);
        tensor
    }

    pub(crate) fn steps(&self) -> u64 {
        self.tensors[&format!("{}.loss", self.case)].size()[0] as u64
    }

    /// The rate that the schedule starts from.
    pub(crate) fn base_rate(&self) -> f64 {
        self.tensors[&format!("{}.lr", self.case)].double_value(&[0])
    }

    /// Compares a step's numbers, and what it left of the weights that are followed.
    pub(crate) fn compare(&mut self, record: StepRecord, state: &StageState) {
        let StepRecord { step, loss, gradient_norm, learning_rate } = record;
        let at = [step as i64 - 1];
        let [of_loss, of_norm, of_rate] = [("loss", loss), ("grad_norm", gradient_norm), ("lr", learning_rate)]
            .map(|(column, found)| (found / self.take(column).double_value(&at) - 1.0).abs());
        let case = self.case;
        assert!(of_loss <= LOSS, "{case}, step {step}: the loss {loss} is {of_loss:e} off");
        assert!(of_norm <= self.norm_tolerance, "{case}, step {step}: the norm {gradient_norm} is {of_norm:e} off");
        assert!(of_rate <= 1e-12, "{case}, step {step}: the rate is {learning_rate}");
        self.rates += learning_rate;
        self.worst.loss = self.worst.loss.max(of_loss);
        self.worst.norm = self.worst.norm.max(of_norm);
        self.compare_weights(step, state);
    }

    fn compare_weights(&mut self, step: u64, state: &StageState) {
        let prefix = format!("{}.after_{step}.", self.case);
        let names: Vec<String> =
            self.tensors.keys().filter_map(|key| key.strip_prefix(&prefix)).map(Into::into).collect();
        if names.is_empty() {
            return;
        }
        let masters = masters(state);
        let mut worst = 0.0f64;
        for name in names {
            let expected = self.take(&format!("after_{step}.{name}"));
            let share = difference(&masters[&name].reshape(expected.size()), &expected) / self.rates;
            let allowed = if step == 1 { FIRST_WEIGHT } else { WEIGHT };
            assert!(share <= allowed, "{prefix}{name}: {share:e} of the sum of the rates off");
            worst = worst.max(share);
        }
        self.worst.weights.push((step, worst));
    }

    /// Asserts that every recorded tensor of the case was compared.
    pub(crate) fn finish(self) {
        let forgotten: Vec<&String> = self.tensors.keys().filter(|name| !self.compared.contains(*name)).collect();
        assert!(forgotten.is_empty(), "{} was not compared: {forgotten:?}", self.case);
        let Worst { loss, norm, weights } = &self.worst;
        let weights: Vec<String> = weights.iter().map(|(step, share)| format!("{share:.1e} after {step}")).collect();
        let weights = weights.join(", ");
        tell(&format!("{}: loss {loss:.1e}, norm {norm:.1e}, weights {weights}", self.case));
    }
}

/// Says how far off something was, seen with `--nocapture`: what the table in docs/training.md is made of.
pub(crate) fn tell(deviation: &str) {
    writeln!(stdout().lock(), "{deviation}").unwrap();
}

/// The trained weights by the names that the fixtures use: `unet.…`, `text.…`, and kohya's as they are.
pub(crate) fn masters(state: &StageState) -> HashMap<String, Tensor> {
    let named = |trainee: &training::stage::Trainee| {
        let network = if trainee.name == "unet" { "unet" } else { "text" };
        let name = |name: &str| if name.starts_with("lora_") { name.to_owned() } else { format!("{network}.{name}") };
        let parameters = trainee.optimizer.parameters().iter();
        parameters.map(|parameter| (name(parameter.name()), parameter.master().shallow_clone())).collect::<Vec<_>>()
    };
    state.trainees().iter().flat_map(named).collect()
}
