//! AdamW with 8-bit state leaves the codes that bitsandbytes leaves; `tools/goldens/adamw_8bit.py` recorded them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod recorder;

use engine::tch::{Kind, Tensor};
use engine::{AdamW8bit, AdamW8bitSettings, BlockSize, Clip, Generator, Optimizer, Parameter, Philox};
use recorder::{Tensors, goldens, gradient, start};

const RECORDED: [i64; 5] = [1, 2, 10, 50, 100];

fn unclipped() -> Clip {
    Clip { norm: Tensor::from(1.0_f32), coefficient: Tensor::from(1.0_f32) }
}

fn parameter(name: &str, size: u32) -> Parameter {
    Parameter::new(name.to_owned(), Tensor::from_slice(&start(name, size)).set_requires_grad(true))
}

/// A hundred steps of the recorder's tensors; `compare` sees the state at each recorded one.
fn hundred_steps(block_size: BlockSize, mut compare: impl FnMut(i64, &Tensors)) {
    let parameters = [("ragged", 5001), ("whole", 4096), ("small", 100)].map(|(name, size)| parameter(name, size));
    let mut optimizer =
        AdamW8bit::new(parameters.into(), AdamW8bitSettings { block_size, ..AdamW8bitSettings::default() });
    for step in 1..=100 {
        for parameter in optimizer.parameters() {
            let size = u32::try_from(parameter.master().numel()).unwrap();
            let gradient = Tensor::from_slice(&gradient(parameter.name(), step, size));
            (parameter.leaf() * gradient).sum(Kind::Float).backward();
        }
        optimizer.step(1e-3, &unclipped()).unwrap();
        optimizer.zero_grad();
        if RECORDED.contains(&i64::from(step)) {
            let mut state: Tensors = optimizer.state().into_iter().collect();
            for parameter in optimizer.parameters() {
                state.insert(format!("weights.{}", parameter.name()), parameter.master().shallow_clone());
            }
            compare(i64::from(step), &state);
        }
    }
}

#[test]
fn the_recorders_gradients_are_made_anew_here() {
    let recorded = Vec::<f32>::try_from(&goldens()["gradient.ragged.7"]).unwrap();
    assert_eq!(recorded, gradient("ragged", 7, 5001)[..64]);
}

/// Bit for bit, because both round every product and sum by itself.
#[test]
fn states_and_weights_are_those_of_the_packages_kernel_for_a_hundred_steps() {
    let goldens = goldens();
    for (block, block_size) in [(256, BlockSize::Elements256), (2048, BlockSize::Elements2048)] {
        let mut compared = 0;
        hundred_steps(block_size, |step, state| {
            for (name, found) in state {
                let Some(expected) = goldens.get(&format!("exact.{block}.{step}.{name}")) else { continue };
                let differing = found.not_equal_tensor(expected).sum(Kind::Int64).int64_value(&[]);
                assert_eq!(differing, 0, "{name} after step {step} in blocks of {block}");
                compared += 1;
            }
        });
        assert_eq!(compared, RECORDED.len() * 2 * 4 + 2);
    }
}

/// The release on the CPU multiplies by the reciprocal of absmax, decays first, fuses multiply-adds and gives a tie to the lower code, so
/// one code in a thousand may be its neighbour. It also lets tiny negative means become 0 where the kernel keeps their sign, which later
/// steps carry on: means below 1e-4 of their block's largest (codes 120 to 134) count as equal.
#[test]
fn states_are_those_of_the_packages_own_optimizer_but_for_its_roundings() {
    let goldens = goldens();
    let mut compared = 0;
    hundred_steps(BlockSize::Elements256, |step, state| {
        for (name, found) in state {
            // Where a gradient is 1e-7 of its neighbours, the root of its packed square is 0 and the step what the mean's sign says.
            if name.starts_with("weights") && name != "weights.small" {
                continue;
            }
            let Some(expected) = goldens.get(&format!("package.{step}.{name}")) else { continue };
            let difference = (found.to_kind(Kind::Double) - expected.to_kind(Kind::Double)).abs();
            let most = difference.max().double_value(&[]);
            if found.kind() == Kind::Uint8 {
                let signed = name.starts_with("exp_avg_codes");
                let near_zero = |codes: &Tensor| codes.ge(120).logical_and(&codes.le(if signed { 134 } else { 0 }));
                let both = near_zero(found).logical_and(&near_zero(expected));
                let difference = difference * both.logical_not();
                let most = difference.max().double_value(&[]);
                let differing = difference.gt(0.0).sum(Kind::Int64).int64_value(&[]);
                assert!(most <= 1.0, "a code of {name} after step {step} is off by {most}");
                assert!(differing * 1000 <= expected.size()[0], "{differing} codes of {name} differ after step {step}");
            } else {
                // A neighbouring code moves a moment by up to a seventh of it, and absmax and weights through the moments.
                let size = expected.abs().max().double_value(&[]);
                assert!(most <= 1e-5 * size, "{name} after step {step} is off by {most:e} of {size}");
            }
            compared += 1;
        }
    });
    assert_eq!(compared, RECORDED.len() * 2 * (2 * 2 + 1) + 1);
}

#[test]
fn a_block_of_zeros_keeps_a_scale_of_zero() {
    hundred_steps(BlockSize::Elements256, |_, state| {
        for moment in ["exp_avg_absmax", "exp_avg_sq_absmax"] {
            let absmax = &state[&format!("{moment}.ragged")];
            assert_eq!(absmax.size(), [20]);
            assert_eq!(absmax.double_value(&[19]), 0.0);
            assert!(absmax.double_value(&[0]) > 0.0);
        }
    });
}

#[test]
fn the_state_takes_two_bytes_a_weight_and_eight_a_block() {
    let leaf = Philox::new(1).normal(&[64, 1024]).set_requires_grad(true);
    let mut optimizer =
        AdamW8bit::new(vec![Parameter::new("weights".to_owned(), leaf.shallow_clone())], AdamW8bitSettings::default());
    leaf.square().sum(Kind::Float).backward();
    optimizer.step(1e-3, &unclipped()).unwrap();
    let bytes = |(_, tensor): &(String, Tensor)| tensor.numel() * tensor.kind().elt_size_in_bytes();
    let state = optimizer.state();
    let taken: usize = state.iter().filter(|(name, _)| !name.starts_with("step.")).map(bytes).sum();
    assert_eq!(taken, 2 * 65536 + 8 * 65536 / 2048);
}
