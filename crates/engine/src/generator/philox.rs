//! Philox 4x32-10, the counter-based generator of CUDA (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3").

use tch::Tensor;

use super::{Generator, element_count, shaped};

/// Rounds of the block function.
const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What each half of the key grows by between rounds: the golden ratio and the square root of 3, minus 1.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// 2^-32, which takes a u32 to [0, 1).
const TWO_POW32_INV: f32 = 2.328_306_4e-10;
/// 2^-32 · 2π, rounded to single precision as CUDA's header has it.
const TWO_POW32_INV_2PI: f32 = 2.328_306_4e-10 * 6.283_185_5;

/// The normals that torch draws on an NVIDIA GPU, computed on the CPU; the web UI calls this source "NV".
///
/// The k-th request of a stream uses counter offset k, whatever its size, and element i of a request depends on
/// (seed, k, i) alone. Double precision inside, rounded to f32 at the end: within about 1e-7 of the GPU.
#[derive(Debug, Clone)]
pub struct Philox {
    key: [u32; 2],
    offset: u32,
}

impl Philox {
    /// A stream at its beginning.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { key: halves(seed), offset: 0 }
    }

    /// The four words that belong to one counter; a building block for streams other than normals.
    #[must_use]
    pub fn block(seed: u64, counter: [u32; 4]) -> [u32; 4] {
        philox(halves(seed), counter)
    }
}

impl Generator for Philox {
    fn normal(&mut self, shape: &[i64]) -> Tensor {
        let count = element_count(shape);
        let mut numbers = Vec::with_capacity(count);
        // A request has at most as many elements as a counter word has values; more would repeat, and no tensor of
        // normals comes near 16 GiB.
        for element in (0..=u32::MAX).take(count) {
            let [first, second, ..] = philox(self.key, [self.offset, 0, element, 0]);
            numbers.push(box_muller(first, second));
        }
        self.skip(shape);
        shaped(&numbers, shape)
    }

    fn skip(&mut self, _: &[i64]) {
        self.offset = self.offset.wrapping_add(1);
    }
}

/// Low and high half of a 64-bit number.
fn halves(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

fn philox(mut key: [u32; 2], mut counter: [u32; 4]) -> [u32; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let [low0, high0] = halves(u64::from(MULTIPLIERS[0]) * u64::from(counter[0]));
        let [low1, high1] = halves(u64::from(MULTIPLIERS[1]) * u64::from(counter[2]));
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
    }
    counter
}

/// The sine half of a Box-Muller pair. The half step added to both keeps the logarithm finite.
fn box_muller(first: u32, second: u32) -> f32 {
    let (scale, angle) = (f64::from(TWO_POW32_INV), f64::from(TWO_POW32_INV_2PI));
    let u = f64::from(first) * scale + scale / 2.0;
    let v = f64::from(second) * angle + angle / 2.0;
    ((-2.0 * u.ln()).sqrt() * v.sin()) as f32
}
