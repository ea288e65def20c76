//! `--clip-model` and `--dino-model`: checked before anything is computed that they are for.

use std::path::{Path, PathBuf, absolute};

use protocol::FidelityModels;
use training::TrainingError;
use training::fidelity::judges::{check_clip, check_dino};

use crate::cli::FidelityArgs;
use crate::failure::{Failure, cannot};

/// The folders, each of which holds what it should.
///
/// # Errors
/// A sentence that names the flag and its value.
pub(crate) fn fidelity_models(args: &FidelityArgs) -> Result<FidelityModels, Failure> {
    let clip =
        Wanted { flag: "--clip-model", network: "CLIPModel, such as openai/clip-vit-base-patch32", check: check_clip };
    let dino = Wanted { flag: "--dino-model", network: "ViTModel, such as facebook/dino-vits16", check: check_dino };
    Ok(FidelityModels {
        clip_dir: clip.dir(args.clip_model.as_deref())?,
        dino_dir: dino.dir(args.dino_model.as_deref())?,
    })
}

/// What a flag must name.
struct Wanted {
    flag: &'static str,
    network: &'static str,
    check: fn(&Path) -> Result<(), TrainingError>,
}

impl Wanted {
    /// The folder, from wherever this process or its child is started.
    fn dir(&self, given: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
        let Some(given) = given else { return Ok(None) };
        let Self { flag, network, check } = self;
        let shown = given.display();
        if !given.is_dir() {
            let sentence =
                format!("{flag} {shown} is no folder; give that of transformers' {network}, or leave {flag} out");
            return Err(Failure::new(sentence));
        }
        check(given).map_err(|error| {
            Failure::new(format!("{flag} {shown} cannot be used: {error}; give another folder, or leave {flag} out"))
        })?;
        absolute(given).map(Some).map_err(cannot(format!("find {flag} {shown}")))
    }
}
