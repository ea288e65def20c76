//! The command line: a service that trains Stable Diffusion on a zip of photos, and the same work by hand.
//!
//! # Layout
//! - [`cli`]: every command, argument and setting
//! - [`serve`], [`keys`], [`housekeeping`]: the service
//! - `train`, `txt2img`, `convert`, `bench`: one job's parts by hand (feature `compute`)
//! - `child`: the process that a supervisor starts
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
mod bench;
#[cfg(feature = "compute")]
mod child;
#[cfg(feature = "compute")]
mod convert;
#[cfg(feature = "compute")]
mod environment;
#[cfg(feature = "compute")]
mod model_argument;
#[cfg(feature = "compute")]
mod progress;
#[cfg(feature = "compute")]
mod train;
#[cfg(feature = "compute")]
mod txt2img_command;
#[cfg(feature = "compute")]
mod work;

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
        Command::Worker(args) => work::run(&args),
        #[cfg(feature = "compute")]
        Command::Train(args) => {
            environment::enter();
            train::run(&args)
        }
        #[cfg(feature = "compute")]
        Command::Txt2img(args) => {
            environment::enter();
            txt2img_command::run(&args)
        }
        #[cfg(feature = "compute")]
        Command::Convert(args) => convert::run(&args),
        #[cfg(feature = "compute")]
        Command::Bench(args) => {
            environment::enter();
            bench::run(&args)
        }
        #[cfg(feature = "compute")]
        Command::Child(args) => child::run(&args),
    }
}
