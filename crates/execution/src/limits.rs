//! What a child may take of its machine. It reads checkpoints and pictures of strangers; a bomb among them should end the
//! child and not the machine.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Limits of the process; `None` leaves a limit as it was inherited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChildLimits {
    /// Most address space. libtorch reserves more of it than it uses: some gigabytes on a CPU, and with CUDA as much as all
    /// memory of host and devices together.
    pub address_space_bytes: Option<u64>,
    /// Largest file it may write; a trained model has 2.1 GB.
    pub file_bytes: Option<u64>,
}

impl ChildLimits {
    /// Holds this process to the limits from now on; it cannot lift them again.
    ///
    /// # Errors
    /// When the system refuses, for instance because a limit is above an inherited one.
    pub fn apply(self) -> io::Result<()> {
        for (resource, bytes) in [(Resource::As, self.address_space_bytes), (Resource::Fsize, self.file_bytes)] {
            let Some(bytes) = bytes else { continue };
            // A limit that is inherited and tighter stays.
            let bytes = getrlimit(resource).maximum.map_or(bytes, |inherited| bytes.min(inherited));
            setrlimit(resource, Rlimit { current: Some(bytes), maximum: Some(bytes) })?;
        }
        Ok(())
    }
}
