//! The Mersenne Twister as torch's CPU generator uses it (Matsumoto and Nishimura, 1998).

use std::f32::consts::PI;

use tch::Tensor;

use super::{Generator, element_count, shaped};

/// Words of state.
const N: usize = 624;
/// Distance of the word that the recurrence adds.
const M: usize = 397;
/// From so many numbers on, torch draws normals in blocks; below, one by one in double precision.
const BLOCK: usize = 16;

/// torch's CPU generator: `torch.randn` of the same seed and shapes, to within 1e-6.
///
/// Only the low 32 bits of a seed count, as in torch.
#[derive(Clone)]
pub struct Mt19937 {
    state: [u32; N],
    next: usize,
    /// The second half of the last double-precision pair, waiting for the next small request.
    cached: Option<f64>,
}

impl std::fmt::Debug for Mt19937 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mt19937").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Mt19937 {
    /// A stream at its beginning.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut state = [0; N];
        state[0] = seed as u32;
        for index in 1..N {
            let previous: u32 = state[index - 1];
            state[index] = 1_812_433_253_u32.wrapping_mul(previous ^ (previous >> 30)).wrapping_add(index as u32);
        }
        Self { state, next: N, cached: None }
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9D2C_5680;
        word ^= (word << 15) & 0xEFC6_0000;
        word ^ (word >> 18)
    }

    /// The next 64 bits: two words, the first drawn on top.
    pub fn next_u64(&mut self) -> u64 {
        let high = u64::from(self.next_u32());
        high << 32 | u64::from(self.next_u32())
    }

    /// Passes over `count` words.
    fn pass(&mut self, mut count: usize) {
        while count > 0 {
            if self.next == N {
                self.twist();
            }
            let passed = count.min(N - self.next);
            self.next += passed;
            count -= passed;
        }
    }

    fn twist(&mut self) {
        for index in 0..N {
            let joined = (self.state[index] & 0x8000_0000) | (self.state[(index + 1) % N] & 0x7FFF_FFFF);
            let odd = if joined & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[index] = self.state[(index + M) % N] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// Uniform in [0, 1), 24 bits.
    fn uniform(&mut self) -> f32 {
        (self.next_u32() & 0x00FF_FFFF) as f32 / 16_777_216.0
    }

    /// Uniform in [0, 1), 53 bits.
    fn uniform_f64(&mut self) -> f64 {
        (self.next_u64() & ((1 << 53) - 1)) as f64 / (1_u64 << 53) as f64
    }

    /// One normal number of a small request.
    fn single(&mut self) -> f64 {
        if let Some(cached) = self.cached.take() {
            return cached;
        }
        let u1 = self.uniform_f64();
        let u2 = self.uniform_f64();
        let radius = (-2.0 * (-u2).ln_1p()).sqrt();
        let angle = 2.0 * std::f64::consts::PI * u1;
        self.cached = Some(radius * angle.sin());
        radius * angle.cos()
    }

    /// Normals of a request of 16 or more: uniforms for all, turned into normals block by block.
    fn blocks(&mut self, count: usize) -> Vec<f32> {
        let mut numbers: Vec<f32> = (0..count).map(|_| self.uniform()).collect();
        numbers.chunks_exact_mut(BLOCK).for_each(box_muller);
        if !count.is_multiple_of(BLOCK) {
            // A ragged end is covered by a fresh block over the last 16, overwriting some that were done already.
            let tail = &mut numbers[count - BLOCK..];
            tail.fill_with(|| self.uniform());
            box_muller(tail);
        }
        numbers
    }
}

impl Generator for Mt19937 {
    fn normal(&mut self, shape: &[i64]) -> Tensor {
        let count = element_count(shape);
        let numbers =
            if count < BLOCK { (0..count).map(|_| self.single() as f32).collect() } else { self.blocks(count) };
        shaped(&numbers, shape)
    }

    fn skip(&mut self, shape: &[i64]) {
        let count = element_count(shape);
        if count < BLOCK {
            (0..count).for_each(|_| _ = self.single());
        } else {
            self.pass(count + if count.is_multiple_of(BLOCK) { 0 } else { BLOCK });
        }
    }
}

/// Turns a block of 16 uniforms into normals: number j pairs with number j + 8.
fn box_muller(block: &mut [f32]) {
    let (left, right) = block.split_at_mut(BLOCK / 2);
    for (first, second) in left.iter_mut().zip(right) {
        let radius = (-2.0 * (1.0 - *first).ln()).sqrt();
        let angle = 2.0 * PI * *second;
        *first = radius * angle.cos();
        *second = radius * angle.sin();
    }
}
