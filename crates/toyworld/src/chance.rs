//! Random choices that follow from a seed.

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Two numbers give one sequence; neighbouring numbers give unlike ones.
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mut chance = Self(seed ^ 0x5EED_0F70_1D01_15A5);
        let spread = chance.next();
        Self(spread ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// From 0 up to 1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True in `share` of all cases.
    pub(crate) fn often(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    /// 1 or -1.
    pub(crate) fn sign(&mut self) -> f32 {
        if self.often(0.5) { 1.0 } else { -1.0 }
    }

    /// One of `choices`, which are not empty.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[(self.next() >> 20) as usize % choices.len()]
    }
}
