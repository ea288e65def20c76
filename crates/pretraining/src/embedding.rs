//! The trained model becomes the one small file that is a part of the program.

use std::path::Path;

use model::weights::{StoredTokens, write_quantized};
use toyworld::World;
use training::noise::Streams;

use crate::captions::Captions;
use crate::error::{Result, made_by};
use crate::recipe::Recipe;
use crate::run_folder::{RunFolder, read_json};
use crate::start;

/// Writes the model of a run in 8 bits; gives the size of the file in bytes. Rows of the token table that no caption has are
/// what the seed gave.
///
/// # Errors
/// When the run has no model yet, or the file cannot be written.
pub fn embed(folder: &RunFolder, file: &Path) -> Result<u64> {
    made_by("train", &folder.model())?;
    let recipe: Recipe = read_json(&folder.recipe())?;
    let base = start::open(&folder.model())?;
    let captions = Captions::new(&World::new(recipe.seed), recipe.pictures, Streams::new(recipe.seed));
    let tokens = StoredTokens { ids: &captions.tokens(), seed: recipe.seed };
    let exported = write_quantized(file, base.config(), base.weights(), tokens, &start::notes())?;
    Ok(exported.bytes)
}
