//! `convert`: a model as one file.

use crate::cli::ConvertArgs;
use crate::failure::Failure;
use crate::model_argument::open_model;

/// Streams the model from one form into another, tensor by tensor.
#[allow(clippy::print_stderr, reason = "tells the user where the file is")]
pub(crate) fn run(args: &ConvertArgs) -> Result<(), Failure> {
    let base = open_model(&args.from)?;
    model::export(&args.to, base.config(), base.weights())?;
    eprintln!("wrote {}", args.to.display());
    Ok(())
}
