//! `convert`: a model as one file, or as a folder.

use std::path::PathBuf;

use clap::Args;

use super::model_argument::open_model;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// The model, in any form that train takes
    #[arg(long, value_name = "MODEL")]
    from: String,
    /// The file to write; its ending, .safetensors or .ckpt, says the format. A name without an ending becomes a diffusers
    /// folder
    #[arg(long, value_name = "PATH")]
    to: PathBuf,
}

/// Streams the model from one form into another, tensor by tensor.
#[allow(clippy::print_stderr, reason = "tells the user where the file is")]
pub(crate) fn run(args: &ConvertArgs) -> Result<(), Failure> {
    let model = open_model(&args.from)?;
    model.base.export(&args.to)?;
    eprintln!("wrote {}", args.to.display());
    Ok(())
}
