//! What a run will fetch, said before it begins: libtorch is half a gigabyte, with CUDA two and a half.

use std::fmt;

use super::release::{Release, Wheel};

/// pip writes a wheel under one name and then copies it to another; headers and the file system's own needs are in here too.
const SLACK_BYTES: u64 = 200_000_000;

/// The wheels that are missing, and what they and their contents take.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is completed.
    pub name: &'static str,
    /// What must be fetched.
    pub wheels: Vec<&'static Wheel>,
    /// Bytes of all libraries once they are unpacked.
    pub unpacked_bytes: u64,
}

impl Plan {
    /// To complete `release`, of which `wheels` are missing.
    pub fn new(release: &Release, wheels: Vec<&'static Wheel>) -> Self {
        Self { name: release.name, wheels, unpacked_bytes: release.libraries().map(|library| library.bytes).sum() }
    }

    /// Bytes to download.
    pub fn download_bytes(&self) -> u64 {
        self.wheels.iter().map(|wheel| wheel.bytes).sum()
    }

    /// Free disk that the run needs: wheels and unpacked files lie side by side for a while, with pip's copy of one of them.
    pub fn disk_bytes(&self) -> u64 {
        let largest = self.wheels.iter().map(|wheel| wheel.bytes).max().unwrap_or(0);
        self.download_bytes() + largest + self.unpacked_bytes + SLACK_BYTES
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, plural) = (self.wheels.len(), if self.wheels.len() == 1 { "" } else { "s" });
        write!(f, "{count} file{plural}, {} to download", size(self.download_bytes()))?;
        write!(f, "; unpacked {}, and {} of disk in between", size(self.unpacked_bytes), size(self.disk_bytes()))
    }
}

/// Bytes as people read them, decimal.
pub fn size(bytes: u64) -> String {
    if bytes < 1_000_000_000 {
        return format!("{} MB", bytes.div_ceil(1_000_000));
    }
    format!("{:.1} GB", bytes as f64 / 1e9)
}
