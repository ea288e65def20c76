//! Convolutions are right whichever way they are computed: small maps under many outputs go another way than large ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use engine::tch::{Device, Kind, Tensor};
use model::layers::Conv2d;
use model::weights::RandomSource;
use model::{Loader, Part};
use support::{GRADIENT_TOLERANCE, assert_elements_close, assert_same_bits, difference};

const INPUTS: i64 = 24;

/// A convolution, its weights asking for gradients, and its input.
struct Case {
    conv: Conv2d,
    weight: Tensor,
    bias: Tensor,
    x: Tensor,
    stride: i64,
    padding: i64,
}

impl Case {
    fn new(outputs: i64, [batch, height, width]: [i64; 3], [kernel, stride, padding]: [i64; 3], compute: Kind) -> Self {
        let source = RandomSource::new(3);
        let root = Loader::new(&source, Part::Unet, Device::Cpu, Kind::Float);
        let conv = Conv2d::load(&root.at("conv"), INPUTS, outputs, kernel, stride, padding).unwrap();
        let parameters = root.into_tensors().parameters;
        support::train(&parameters);
        let (weight, bias) = (parameters[0].1.shallow_clone(), parameters[1].1.shallow_clone());
        let x = (Tensor::arange(batch * INPUTS * height * width, support::F32_CPU) * 0.7).sin();
        let x = x.view([batch, INPUTS, height, width]).to_kind(compute).set_requires_grad(true);
        Self { conv, weight, bias, x, stride, padding }
    }

    /// Output and the gradients of input, weight and bias.
    fn run(&self) -> [Tensor; 4] {
        let y = self.conv.forward(&self.x);
        (&y * direction(&y, self.x.kind())).sum(Kind::Float).backward();
        [y, self.x.grad(), self.weight.grad(), self.bias.grad()]
    }

    /// The same by torch's convolution in f64.
    fn reference(&self) -> [Tensor; 4] {
        let exact = |tensor: &Tensor| tensor.detach().to_kind(Kind::Double).set_requires_grad(true);
        let (x, weight, bias) = (exact(&self.x), exact(&self.weight), exact(&self.bias));
        let y = x.conv2d(&weight, Some(&bias), [self.stride; 2], [self.padding; 2], [1, 1], 1);
        (&y * direction(&y, self.x.kind())).sum(Kind::Double).backward();
        [y.detach(), x.grad(), weight.grad(), bias.grad()]
    }
}

/// What the gradient of the output `y` is, in numbers that `kind` can hold.
fn direction(y: &Tensor, kind: Kind) -> Tensor {
    (Tensor::arange(y.numel() as i64, support::F32_CPU) * 0.3).cos().view_as(y).to_kind(kind).to_kind(y.kind())
}

/// Kernels, strides and paddings of these networks; maps from one pixel on, one and several at a time.
fn cases(compute: Kind) -> Vec<Case> {
    let kernels = [[3, 1, 1], [3, 2, 1], [1, 1, 0], [3, 2, 0]];
    let maps = [[1, 8, 8], [3, 5, 4], [1, 3, 3], [2, 13, 11]];
    // With 512 outputs the small maps go the other way, with 16 none does.
    let shapes = maps.iter().flat_map(|map| kernels.iter().map(move |kernel| (*map, *kernel)));
    shapes.flat_map(|(map, kernel)| [512, 16].map(|outputs| Case::new(outputs, map, kernel, compute))).collect()
}

#[test]
fn outputs_and_gradients_are_those_of_exact_arithmetic() {
    for case in cases(Kind::Float) {
        let names = ["output", "input's gradient", "weight's gradient", "bias's gradient"];
        for ((name, found), reference) in names.iter().zip(case.run()).zip(case.reference()) {
            assert_elements_close(name, &found, &reference, GRADIENT_TOLERANCE);
        }
    }
}

#[test]
fn bfloat16_rounds_what_comes_out_and_no_more() {
    for case in cases(Kind::BFloat16) {
        for (found, reference) in case.run().iter().zip(case.reference()) {
            // Weights are rounded on their way in, and the answer on its way out: two roundings to 8 bits.
            assert!(difference(found, &reference) < 0.006);
        }
    }
}

#[test]
fn two_computations_are_equal_to_the_last_bit() {
    let case = || Case::new(512, [1, 8, 8], [3, 1, 1], Kind::Float).run();
    for (first, second) in case().iter().zip(case()) {
        assert_same_bits(first, &second);
    }
}

#[test]
fn one_pixel_and_no_picture_are_maps_as_well() {
    for (batch, compute) in [(1, Kind::Float), (0, Kind::Float), (1, Kind::BFloat16)] {
        let case = Case::new(64, [batch, 1, 1], [3, 1, 1], compute);
        assert_eq!(case.conv.forward(&case.x).size(), [batch, 64, 1, 1]);
    }
}
