//! Open files: each connection is one, and a shell gives a program few.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are kept for everything that is no connection: the database, artifacts on their way, webhooks, models.
const KEPT_FOR_OTHERS: u64 = 256;

/// Asks the system for as many open files as it grants this process, and gives the number of connections for which they
/// are enough, at most `wanted` and at least 1.
pub fn connections_for(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let granted = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    // None is no limit.
    let files =
        granted.map_or(wanted, |files| usize::try_from(files.saturating_sub(KEPT_FOR_OTHERS)).unwrap_or(wanted));
    files.clamp(1, wanted)
}
