//! Which seed each image has.

/// Highest seed the web UI draws by itself.
pub const RANDOM_SEED_MAX: u64 = 4_294_967_293;

/// The seed a request means: -1 stands for a drawn one, from `draw`, which yields any 64-bit number.
pub fn resolve(seed: i64, draw: &mut dyn FnMut() -> u64) -> u64 {
    u64::try_from(seed).unwrap_or_else(|_| draw() % (RANDOM_SEED_MAX + 1))
}
