//! Growing pauses between tries.

use std::time::Duration;

/// Pauses that double from the first to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// After the first failure.
    pub first: Duration,
    /// Never longer than this.
    pub longest: Duration,
}

impl Pauses {
    /// From a second to a minute: a hiccup is over soon, and a disk that stays full is not hammered.
    pub const USUAL: Self = Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) };

    /// The pause after so many failures in a row, from 1.
    pub fn after(self, failures: u32) -> Duration {
        let doubled = 1 << failures.saturating_sub(1).min(16);
        self.first.saturating_mul(doubled).min(self.longest)
    }
}
