//! `child`: the process that holds the device, started by a supervisor.

use crate::cli::ComputeArgs;
use crate::failure::Failure;
use crate::model_argument::compute_choice;

/// Serves assignments until the supervisor is gone.
pub(crate) fn run(args: &ComputeArgs) -> Result<(), Failure> {
    let (device, precision) = compute_choice(args)?;
    worker::child::run(device, precision, rand::random::<u64>, local_timestamp)?;
    Ok(())
}

/// Local time as the web UI writes it into `info`: `YYYYMMDDhhmmss`.
pub(crate) fn local_timestamp() -> String {
    jiff::Zoned::now().strftime("%Y%m%d%H%M%S").to_string()
}
