//! The inputs of the recorded trainings, which no fixture stores: a hash gives every number its value from a name, a step and
//! an index (`tools/goldens/README.md`, "Given inputs").

use engine::tch::Tensor;
use training::latents::Distribution;
use training::noise::StepNoise;

/// Uniform numbers of this amplitude have variance 1.
const UNIT: f64 = 1.732_050_807_568_877_2;
/// One latent's shape.
const LATENT: [i64; 3] = [4, 16, 16];
/// The tiny vocabulary's marks of a caption's beginning and end.
const BOS: i64 = 398;
const EOS: i64 = 399;

/// One image of the recorded data sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    /// `photo` or `class`; part of its numbers' names.
    pub(crate) kind: &'static str,
    pub(crate) image: u32,
}

pub(crate) fn photo(image: u32) -> Item {
    Item { kind: "photo", image }
}

pub(crate) fn class(image: u32) -> Item {
    Item { kind: "class", image }
}

/// Wellons' `lowbias32`.
fn mix(mut word: u32) -> u32 {
    word ^= word >> 16;
    word = word.wrapping_mul(0x7feb_352d);
    word ^= word >> 15;
    word = word.wrapping_mul(0x846c_a68b);
    word ^ word >> 16
}

/// Fowler, Noll and Vo's 32-bit hash.
fn fnv1a(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn word(name: &str, step: u32, index: u32) -> u32 {
    mix(mix(mix(fnv1a(name)) ^ step) ^ index)
}

/// Numbers around `centre`, row by row.
pub(crate) fn uniform(name: &str, step: u32, shape: &[i64], amplitude: f64, centre: f64) -> Tensor {
    let start = mix(mix(fnv1a(name)) ^ step);
    let number = |index: u32| {
        let unit = f64::from(mix(start ^ index)) / 2_147_483_648.0 - 1.0;
        (unit * amplitude + centre) as f32
    };
    let count = shape.iter().product::<i64>() as u32;
    Tensor::from_slice(&(0..count).map(number).collect::<Vec<f32>>()).reshape(shape)
}

fn below(name: &str, step: u32, index: u32, bound: u32) -> i64 {
    i64::from(word(name, step, index) % bound)
}

impl Item {
    /// The distribution of its latent.
    pub(crate) fn latent(self) -> Distribution {
        let numbers = |what: &str, amplitude, centre| {
            uniform(&format!("{}.{what}", self.kind), self.image, &LATENT, amplitude, centre)
        };
        Distribution { mean: numbers("mean", 1.25, 0.0), std: numbers("std", 0.1, 0.2) }
    }

    /// Its caption: two to eight ids.
    fn caption(self) -> Vec<i64> {
        let Self { kind, image } = self;
        let length = below(&format!("{kind}.length"), image, 0, 7) as u32;
        let tokens = (0..length).map(|index| below(&format!("{kind}.ids"), image, index, BOS as u32));
        std::iter::once(BOS).chain(tokens).chain([EOS]).collect()
    }
}

/// The captions of a batch, padded to the longest and to at least `positions`.
pub(crate) fn ids(items: &[Item], positions: usize) -> Tensor {
    let captions: Vec<Vec<i64>> = items.iter().map(|item| item.caption()).collect();
    let longest = captions.iter().map(Vec::len).max().unwrap().max(positions);
    let padded = |caption: &Vec<i64>| caption.iter().copied().chain(std::iter::repeat(EOS)).take(longest).collect();
    let rows: Vec<i64> = captions.iter().flat_map(|caption| -> Vec<i64> { padded(caption) }).collect();
    Tensor::from_slice(&rows).reshape([items.len() as i64, longest as i64])
}

/// What a step draws for so many items; `offset` is the strength of offset noise.
pub(crate) fn draw(step: u32, items: i64, offset: f64) -> StepNoise {
    let [channels, height, width] = LATENT;
    let normal = |name, shape: &[i64]| uniform(name, step, shape, UNIT, 0.0);
    let mut noise = normal("noise", &[items, channels, height, width]);
    if offset != 0.0 {
        noise += normal("offset", &[items, channels, 1, 1]) * offset;
    }
    let timesteps: Vec<i64> = (0..items as u32).map(|item| below("timestep", step, item, 1000)).collect();
    StepNoise {
        posterior: normal("posterior", &[items, channels, height, width]),
        noise,
        timesteps: Tensor::from_slice(&timesteps),
        crop_choices: vec![0.0; items as usize],
        mirrored: vec![false; items as usize],
    }
}

#[test]
fn words_have_the_check_values_of_the_tool() {
    assert_eq!(fnv1a("noise"), 2_420_381_393);
    assert_eq!([0, 1, 2].map(|index| word("noise", 0, index)), [284_781_528, 2_092_641_086, 1_499_354_256]);
}
