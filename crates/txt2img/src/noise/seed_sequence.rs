//! numpy's `SeedSequence` (O'Neill, "Developing a seed_seq Alternative", 2015): well-mixed seeds for the nodes of a tree.

const INIT_A: u32 = 0x43B0_D7E5;
const MULT_A: u32 = 0x931E_8875;
const INIT_B: u32 = 0x8B51_F9DD;
const MULT_B: u32 = 0x58F3_8DED;
const MIX_L: u32 = 0xCA01_F9DD;
const MIX_R: u32 = 0x4973_F715;
const SHIFT: u32 = 16;

/// A pool of entropy.
#[derive(Debug, Clone)]
pub struct SeedSequence {
    pool: Vec<u32>,
}

impl SeedSequence {
    /// Mixes `entropy` and, where there is one, the key that tells a child from its siblings, into a pool of `pool_size`
    /// words, at least 4.
    pub fn new(entropy: u64, spawn_key: &[u64], pool_size: usize) -> Self {
        let mut given = words(entropy);
        if !spawn_key.is_empty() {
            given.resize(given.len().max(pool_size), 0);
            given.extend(spawn_key.iter().flat_map(|part| words(*part)));
        }
        let mut constant = INIT_A;
        let mut hash = |word: u32| hashed(word, &mut constant, MULT_A);
        let mut pool: Vec<u32> = (0..pool_size).map(|index| hash(given.get(index).copied().unwrap_or(0))).collect();
        for source in 0..pool_size {
            for target in (0..pool_size).filter(|target| *target != source) {
                pool[target] = mixed(pool[target], hash(pool[source]));
            }
        }
        for word in given.iter().skip(pool_size) {
            pool.iter_mut().for_each(|slot| *slot = mixed(*slot, hash(*word)));
        }
        Self { pool }
    }

    /// The first `count` words of its state.
    pub fn generate_state(&self, count: usize) -> Vec<u32> {
        let mut constant = INIT_B;
        self.pool.iter().cycle().take(count).map(|word| hashed(*word, &mut constant, MULT_B)).collect()
    }
}

/// The words of a number, the lowest first; 0 has one.
fn words(number: u64) -> Vec<u32> {
    let (low, high) = (number as u32, (number >> 32) as u32);
    if high == 0 { vec![low] } else { vec![low, high] }
}

fn hashed(word: u32, constant: &mut u32, multiplier: u32) -> u32 {
    let word = word ^ *constant;
    *constant = constant.wrapping_mul(multiplier);
    let word = word.wrapping_mul(*constant);
    word ^ (word >> SHIFT)
}

fn mixed(left: u32, right: u32) -> u32 {
    let word = MIX_L.wrapping_mul(left).wrapping_sub(MIX_R.wrapping_mul(right));
    word ^ (word >> SHIFT)
}
