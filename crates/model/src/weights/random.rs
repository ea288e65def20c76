//! Weights from a seed: every number follows from the seed, the tensor's name and its place, so the order and the number
//! of reads change nothing, and two threads can read at once.
//!
//! The initialisation is PyTorch's: uniform within ±1/√fan_in for linear and convolution layers, 1 and 0 for norms, and
//! CLIP's normal distribution of deviation 0.02 for embeddings. A bias does not know its layer's fan-in, so its own length
//! stands in for it, which is the same number wherever a layer is square.
//!
//! libtorch's generators are not used: they are shared by the whole process, so a load would disturb whoever else draws
//! from them, and be disturbed. A hash of a counter is also several times faster than its single-threaded Mersenne twister.

use engine::tch::Tensor;

use super::{Part, WeightSource};
use crate::error::Result;

/// Deviation of CLIP's embeddings at initialisation.
const EMBEDDING_DEVIATION: f32 = 0.02;

/// Untrained weights.
#[derive(Debug, Clone, Copy)]
pub struct RandomSource {
    seed: u64,
}

impl RandomSource {
    /// The weights that belong to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }
}

impl WeightSource for RandomSource {
    /// Always float32.
    fn tensor(&self, part: Part, name: &str, shape: &[i64]) -> Result<Tensor> {
        let count = usize::try_from(shape.iter().product::<i64>()).unwrap_or(0);
        let key = key(self.seed, part, name);
        let is_bias = name.ends_with("bias");
        let values = if is_norm(name) {
            vec![if is_bias { 0.0 } else { 1.0 }; count]
        } else if name.contains("embedding.weight") {
            normal(key, count, EMBEDDING_DEVIATION)
        } else {
            let fan_in: i64 = if shape.len() > 1 { shape.iter().skip(1).product() } else { count as i64 };
            uniform(key, count, 1.0 / (fan_in.max(1) as f32).sqrt())
        };
        Ok(Tensor::f_from_slice(&values)?.f_reshape(shape)?)
    }
}

/// Whether the layer is a norm: `norm1`, `group_norm`, `layer_norm2`, `conv_norm_out`, `final_layer_norm`, `norm`.
fn is_norm(name: &str) -> bool {
    name.rsplit('.').nth(1).is_some_and(|layer| layer.contains("norm"))
}

/// The stream of one tensor: FNV-1a over part and name, mixed with the seed.
fn key(seed: u64, part: Part, name: &str) -> u64 {
    let start = mix(seed ^ mix(part as u64 + 1));
    mix(name
        .bytes()
        .fold(start ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)))
}

/// `SplitMix64` (Steele, Lea, Flood 2014), number `index` of the stream `key`.
fn splitmix(key: u64, index: u64) -> u64 {
    mix(key.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Two numbers in [0, 1) with 24 bits each, which f32 represents exactly.
fn halves(bits: u64) -> (f32, f32) {
    const UNIT: f32 = 1.0 / (1 << 24) as f32;
    ((bits >> 40) as f32 * UNIT, ((bits >> 8) & 0x00ff_ffff) as f32 * UNIT)
}

/// `count` numbers, uniform within ±`bound`.
fn uniform(key: u64, count: usize, bound: f32) -> Vec<f32> {
    pairs(key, count, |first, second| ((2.0 * first - 1.0) * bound, (2.0 * second - 1.0) * bound))
}

/// `count` numbers, normal with this deviation: Box and Muller's transform.
fn normal(key: u64, count: usize, deviation: f32) -> Vec<f32> {
    pairs(key, count, |first, second| {
        let radius = deviation * (-2.0 * (1.0 - first).ln()).sqrt();
        let (sine, cosine) = (std::f32::consts::TAU * second).sin_cos();
        (radius * cosine, radius * sine)
    })
}

/// Fills `count` numbers with what `draw` makes of each two uniform ones. A plain loop, because in an unoptimised build
/// iterator adapters would make the miniature model slow to load.
fn pairs(key: u64, count: usize, draw: impl Fn(f32, f32) -> (f32, f32)) -> Vec<f32> {
    let mut values = Vec::with_capacity(count + 1);
    let mut index = 0;
    while values.len() < count {
        let (first, second) = halves(splitmix(key, index));
        let (first, second) = draw(first, second);
        values.push(first);
        values.push(second);
        index += 1;
    }
    values.truncate(count);
    values
}
