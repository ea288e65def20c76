//! The trained model becomes the one small file that is a part of the program.

use std::collections::BTreeMap;
use std::path::Path;

use engine::tch::Tensor;
use model::weights::{StoredTokens, write_quantized};
use toyworld::World;
use training::noise::Streams;

use crate::captions::Captions;
use crate::error::{Result, made_by};
use crate::recipe::Recipe;
use crate::run_folder::{RunFolder, read_json};
use crate::start;
use crate::states::{AVERAGE, States};

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

/// Makes the run's model anew: the mean of the averages in its newest `count` states, which stands for a rate that fell, before it
/// did (Sanyal et al., "Early weight averaging meets high learning rates", 2023). Gives the states' steps, the newest first.
///
/// # Errors
/// When the run has no state yet, or one is damaged.
pub fn average(folder: &RunFolder, count: usize) -> Result<Vec<u64>> {
    made_by("train", &folder.start())?;
    let states = States::new(folder.states(), read_json(&folder.recipe())?);
    let (averages, steps) = states.mean_averages(count)?;
    let of = |networks: &[&str]| named(&averages, networks);
    let base = start::open(&folder.start())?;
    start::with_trained(&folder.model(), &base, &of(&["text_encoder", "tokens"]), &of(&["unet"]))?;
    Ok(steps)
}

/// The averages of some of the trainees, by their weights' names.
fn named(averages: &BTreeMap<String, Tensor>, trainees: &[&str]) -> Vec<(String, Tensor)> {
    let weight = |(name, tensor): (&String, &Tensor)| {
        let (trainee, weight) = name.split_once(AVERAGE)?;
        trainees.contains(&trainee).then(|| (weight.to_owned(), tensor.shallow_clone()))
    };
    averages.iter().filter_map(weight).collect()
}
