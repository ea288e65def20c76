//! The newest checkpoint that is whole and of this training is found; what is neither goes.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::{Occasion, Stage};

use super::manifest::{HISTORY, History, MANIFEST, Manifest, VERSION};
use super::resumption::Resumption;
use super::writing::{Checkpoints, remove};

/// Stage and step of a folder.
pub(super) type Place = (Stage, u64);

/// The checkpoints in `folder`, whole or not, newest first.
pub(super) fn places(folder: &Path) -> Vec<(Place, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let place = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let (stage, step) = name.to_str()?.rsplit_once('-')?;
        Some(((stage.parse().ok()?, step.parse().ok()?), entry.path()))
    };
    let mut places: Vec<(Place, PathBuf)> = entries.filter_map(place).collect();
    places.sort_unstable_by_key(|((stage, step), _)| std::cmp::Reverse((*stage == Stage::Unet, *step)));
    places
}

/// What is wrong with a checkpoint.
enum Unfit {
    /// It is torn or damaged: why.
    Broken(String),
    /// It is of another training: which.
    Foreign(&'static str),
}

impl Checkpoints {
    /// The newest whole one, from which the training then goes on: the owner is told. Of each that is passed over they are warned,
    /// and it is removed. None that was set aside is looked at again.
    pub(crate) fn newest(&self, occasion: &mut Occasion<'_>) -> Option<Resumption> {
        let mut foreign = None;
        let mut found = None;
        for (place, dir) in places(&self.folder).into_iter().filter(|(_, dir)| !self.unfit.contains(dir)) {
            let unfit = match self.read(place, &dir) {
                Ok(resumption) => {
                    found = Some(resumption);
                    break;
                }
                Err(unfit) => unfit,
            };
            match unfit {
                Unfit::Broken(why) => occasion.warn(format!(
                    "The checkpoint {} is not whole and is not used: {why}.",
                    Manifest::folder_name(place.0, place.1)
                )),
                Unfit::Foreign(why) => foreign = Some(why),
            }
            // What cannot be removed is replaced or removed later, or goes with the job.
            drop(remove(&dir));
        }
        if let Some(why) = foreign {
            let folder = self.folder.display();
            occasion.warn(format!("Checkpoints in {folder} are of {why}; they are removed, and not gone on from."));
        }
        found.iter().for_each(|found| found.announce(&self.machine, occasion));
        found
    }

    /// A whole one that does not fit the networks after all: the owner is warned, and it is removed.
    pub(crate) fn set_aside(&mut self, unfit: &Resumption, reason: &str, occasion: &mut Occasion<'_>) {
        occasion.warn(format!("The checkpoint {} does not fit the networks and is not used: {reason}.", unfit.name()));
        drop(remove(unfit.dir()));
        self.unfit.push(unfit.dir().to_owned());
        self.text_encoder = None;
    }

    fn read(&self, (stage, step): Place, dir: &Path) -> Result<Resumption, Unfit> {
        let broken = |file: &str, why: &dyn std::fmt::Display| Unfit::Broken(format!("{file} cannot be read: {why}"));
        let text = fs::read(dir.join(MANIFEST)).map_err(|error| broken(MANIFEST, &error))?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| broken(MANIFEST, &error))?;
        if (manifest.stage, manifest.step) != (stage, step) || !manifest.has(HISTORY) {
            return Err(Unfit::Broken(format!("{MANIFEST} is of another checkpoint")));
        }
        if manifest.version != VERSION {
            return Err(Unfit::Foreign("another version of this program"));
        }
        if let Some(why) = manifest.identity.differs_from(&self.identity) {
            return Err(Unfit::Foreign(why));
        }
        manifest.files.iter().try_for_each(|file| file.check(dir)).map_err(Unfit::Broken)?;
        let text = fs::read(dir.join(HISTORY)).map_err(|error| broken(HISTORY, &error))?;
        let history: History = serde_json::from_slice(&text).map_err(|error| broken(HISTORY, &error))?;
        Ok(Resumption::new(dir.to_owned(), manifest, history))
    }
}
