//! A step in bf16 beside PyTorch's autocast: both compute in bf16 and gather f32 or bf16 gradients of f32 weights.

use std::collections::HashMap;
use std::io::Write as _;

use engine::processor_capability;
use engine::tch::{Kind, Tensor};
use training::networks::Layout;
use training::stage::{ADAMW, CLIP_NORM, StageState, StepRecord};

use crate::course::{Both, Course};
use crate::given::{Item, photo};
use crate::recording::{fixture, tell, tiny};

/// Of loss and norm, relative to autocast's, which are themselves 9e-5 and 4e-3 from float64.
const NUMBERS: f64 = 0.02;
/// Of one gradient's norm, from float64's: autocast's own are up to 0.12 away. In a deep network of random weights two correct
/// computations in bf16 give no closer ones.
const GRADIENT: f64 = 0.2;
/// Of the cosine between a gradient and float64's; autocast's are at least 0.993.
const COSINE: f64 = 0.98;
/// Of the recorded gradients together, where autocast has 0.033.
const TOGETHER: f64 = 0.06;

/// The gradients of the first step, by the fixture's names: Adam's first moment is (1 − β₁) of the clipped gradient.
fn gradients(record: StepRecord, state: &StageState) -> HashMap<String, Tensor> {
    let coefficient = (CLIP_NORM / (record.gradient_norm + 1e-6)).min(1.0) * (1.0 - ADAMW.beta1);
    let named = |(name, moment): (String, Tensor)| {
        let name = name.replace("text_encoder.exp_avg.", "text.").replace("unet.exp_avg.", "unet.");
        (name, moment.to_kind(Kind::Double) / coefficient)
    };
    state.state().into_iter().filter(|(name, _)| name.contains(".exp_avg.")).map(named).collect()
}

fn norm(tensor: &Tensor) -> f64 {
    tensor.norm().double_value(&[])
}

/// Asserts that the gradients are as near to float64's as bf16 can be.
fn compare_gradients(found: &HashMap<String, Tensor>, recorded: &HashMap<String, Tensor>) {
    let (mut worst, mut differences, mut exacts) = (0.0f64, Vec::new(), Vec::new());
    for (name, exact) in recorded.iter().filter_map(|(key, exact)| Some((key.strip_prefix("exact.grad.")?, exact))) {
        let (exact, found) = (exact.to_kind(Kind::Double).flatten(0, -1), found[name].flatten(0, -1));
        let difference = &found - &exact;
        let share = norm(&difference) / norm(&exact);
        let cosine = found.dot(&exact).double_value(&[]) / (norm(&found) * norm(&exact));
        assert!(share <= GRADIENT && cosine >= COSINE, "{name}: {share:.3} off, cosine {cosine:.4}");
        differences.push(difference);
        exacts.push(exact);
        worst = worst.max(share);
    }
    assert_eq!(exacts.len(), 19);
    let together = norm(&Tensor::cat(&differences, 0)) / norm(&Tensor::cat(&exacts, 0));
    assert!(together <= TOGETHER, "all together are {together:.3} off");
    tell(&format!("bf16: gradients together {together:.3}, the worst alone {worst:.3}"));
}

#[test]
fn a_step_in_bf16_is_as_near_to_float64_as_pytorchs_autocast() {
    if !processor_capability().computes_bf16() {
        writeln!(std::io::stdout().lock(), "skipped: this processor would emulate bf16").unwrap();
        return;
    }
    let (base, recorded) = (tiny(), fixture("bf16"));
    let shown: Vec<Item> = (0..4).map(photo).collect();
    let course = Course::showing(&base, &[shown], 4);
    for gradients_in in [Kind::Float, Kind::BFloat16] {
        let layout = Layout { compute: Kind::BFloat16, gradients: gradients_in, ..Layout::FP32 };
        Both::load(&base, &layout).train(&course, (1e-4, 1), (Kind::BFloat16, 0), &mut |record, state| {
            let off = |name, found: f64| (found / recorded[name].double_value(&[]) - 1.0).abs();
            let (loss, norm) = (off("autocast.loss", record.loss), off("autocast.grad_norm", record.gradient_norm));
            assert!(loss <= NUMBERS && norm <= NUMBERS, "{gradients_in:?}: loss {loss:e}, norm {norm:e} off");
            tell(&format!("bf16, gradients in {gradients_in:?}: loss {loss:.1e}, norm {norm:.1e}"));
            compare_gradients(&gradients(record, state), &recorded);
        });
    }
}
