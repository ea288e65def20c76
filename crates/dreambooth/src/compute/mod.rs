//! Everything that needs a tensor: one job's parts by hand, the worker, and the process that it starts.
//!
//! # Layout
//! - [`work`]: a worker, alone or beside the API; `worker_dir`: what it keeps on the disk; [`child`]: the process that
//!   holds the device
//! - [`train`], [`txt2img`], [`convert`], [`bench`]: commands that compute in their own process
//! - [`interrupt`], [`unfinished`]: a training that is left, and goes on when it is started again
//! - [`by_hand`], [`progress`], [`model_argument`], [`fidelity_models`], [`environment`]: what those have in common; [`machine`]: what a
//!   measurement says of where it was made

mod bench;
mod by_hand;
mod child;
mod convert;
mod environment;
mod fidelity_models;
mod interrupt;
mod machine;
mod model_argument;
mod progress;
mod train;
mod txt2img;
mod unfinished;
pub(crate) mod work;
mod worker_dir;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum ComputeCommand {
    /// Work on the jobs of a data directory whose API is served elsewhere
    Worker(work::WorkerArgs),
    /// Train a model on a zip or folder of photos
    Train(train::TrainArgs),
    /// Draw the images of one txt2img request
    Txt2img(txt2img::Txt2ImgArgs),
    /// Write a model as one file in the original naming, fp16
    Convert(convert::ConvertArgs),
    /// Measure the speed and peak memory of training and drawing
    Bench(bench::BenchArgs),
    /// Do the jobs that a supervisor writes to standard input
    #[command(hide = true)]
    Child(child::ChildArgs),
}

impl ComputeCommand {
    /// Does it.
    pub(crate) fn run(self) -> Result<(), Failure> {
        if matches!(self, Self::Train(_) | Self::Txt2img(_) | Self::Bench(_)) {
            environment::enter();
        }
        match self {
            Self::Worker(args) => work::run(&args),
            Self::Train(args) => train::run(&args),
            Self::Txt2img(args) => txt2img::run(&args),
            Self::Convert(args) => convert::run(&args),
            Self::Bench(args) => bench::run(&args),
            Self::Child(args) => child::run(&args),
        }
    }
}
