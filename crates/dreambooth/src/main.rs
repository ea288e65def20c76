//! The command line: a service that trains Stable Diffusion on a zip of photos, and the same work by hand.
//!
//! # Layout
//! - [`cli`]: every command, argument and setting
//! - [`serve`], [`keys`], [`housekeeping`]: the service
//! - `compute`: the worker and everything else that needs a tensor (feature `compute`)
//! - [`data_dir`]: what lies where on the disk

mod cli;
mod data_dir;
mod failure;
mod housekeeping;
mod keys;
mod logging;
mod serve;
mod stop_signal;

#[cfg(feature = "compute")]
mod compute;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::failure::{Failure, complain};

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => complain(&failure),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Keys(args) => keys::run(&args),
        #[cfg(feature = "compute")]
        Command::Compute(command) => command.run(),
    }
}
