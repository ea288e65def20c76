//! `child`: the process that holds the device, started by a supervisor.

use std::ffi::OsString;

use clap::Args;
use execution::{ChildLimits, ChildSettings};

use super::by_hand::local_timestamp;
use super::model_argument::compute_choice;
use crate::cli::{ComputeArgs, WorkArgs};
use crate::failure::{Failure, cannot};

#[derive(Debug, Args)]
pub(crate) struct ChildArgs {
    #[command(flatten)]
    compute: ComputeArgs,
    #[arg(long)]
    address_space_bytes: Option<u64>,
    #[arg(long)]
    file_bytes: Option<u64>,
}

/// Serves assignments until the supervisor is gone.
pub(crate) fn run(args: &ChildArgs) -> Result<(), Failure> {
    let (device, precision) = compute_choice(&args.compute)?;
    let settings = ChildSettings {
        device,
        precision,
        limits: ChildLimits { address_space_bytes: args.address_space_bytes, file_bytes: args.file_bytes },
        draw_seed: &mut rand::random::<u64>,
        timestamp: &local_timestamp,
    };
    execution::child::run(settings).map_err(cannot("serve the supervisor"))
}

/// The words of this command that mean what the worker was told. The child sees none of the worker's environment.
pub(crate) fn words(work: &WorkArgs) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["child".into(), "--device".into(), work.compute.device.clone().into()];
    let mut add = |name: &str, value: Option<String>| words.extend(value.map(|value| format!("{name}={value}").into()));
    add("--precision", work.compute.precision.clone());
    add("--address-space-bytes", work.child_memory_bytes.map(|bytes| bytes.to_string()));
    add("--file-bytes", work.child_file_bytes.map(|bytes| bytes.to_string()));
    words
}
