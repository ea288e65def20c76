//! Faults of this machine's disk as failures. What `transfer` reports carries its own code.

use std::io;

use protocol::{Failure, FailureCode};

/// A fault of this machine's disk, with what was being done.
pub(crate) fn file(doing: &str, error: &io::Error) -> Failure {
    Failure::new(of_disk(error), format!("the worker could not {doing}: {error}"))
}

fn of_disk(error: &io::Error) -> FailureCode {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureCode::DiskFull,
        _ => FailureCode::FileError,
    }
}
