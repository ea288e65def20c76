//! Pictures of classes that base models have drawn, kept for the next job with the same base and prompt. The cache is a help and
//! nothing else: whatever is wrong with it, pictures are drawn again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use durable::Access;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::painter::Manner;

/// Most bytes of all pictures: some five thousand at 512 pixels.
pub const CACHE_BYTES_MAX: u64 = 2_000_000_000;
/// Says what the pictures of a folder are; its time of change says when they were last used.
const INDEX: &str = "index.json";

/// What pictures of a class depend on besides their number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassKey {
    /// [`fingerprint`](model::base::BaseModel::fingerprint) of the base model.
    pub base: String,
    /// What they show.
    pub prompt: String,
    /// Their side in pixels.
    pub side: u32,
    /// The sampler's name.
    pub sampler: String,
    /// Its steps.
    pub steps: u32,
    /// Classifier-free guidance.
    pub cfg_scale: f64,
    /// The seed that theirs come from.
    pub seed: i64,
    /// What was computed in, and where.
    pub compute: String,
}

impl ClassKey {
    /// The key of pictures that `base`, by its fingerprint, draws of `prompt`.
    pub fn new(base: &str, prompt: &str, manner: Manner, seed: i64, compute: &str) -> Self {
        Self {
            base: base.into(),
            prompt: prompt.into(),
            side: manner.side,
            sampler: manner.sampler.to_string(),
            steps: manner.steps,
            cfg_scale: manner.cfg_scale,
            seed,
            compute: compute.into(),
        }
    }

    fn index(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}

/// The pictures of one key.
#[derive(Debug)]
pub struct ClassShelf {
    root: PathBuf,
    folder: PathBuf,
    index: Vec<u8>,
}

impl ClassShelf {
    /// The shelf of `key` in the cache below `root`; neither need be there.
    pub fn of(root: &Path, key: &ClassKey) -> Self {
        let index = key.index();
        let name = hex::encode(Sha256::digest(&index));
        Self { root: root.into(), folder: root.join(name), index }
    }

    /// The PNG file of picture `number`, if it is there.
    pub fn read(&self, number: usize) -> Option<Vec<u8>> {
        let png = fs::read(self.picture(number)).ok()?;
        let used = File::options()
            .append(true)
            .open(self.folder.join(INDEX))
            .and_then(|file| file.set_modified(SystemTime::now()));
        // Only the order of eviction depends on it.
        drop(used);
        Some(png)
    }

    /// Keeps the PNG file of picture `number`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep(&self, number: usize, png: &[u8]) -> io::Result<()> {
        durable::create_private_dir(&self.root)?;
        durable::create_private_dir(&self.folder)?;
        let index = self.folder.join(INDEX);
        if !index.is_file() {
            durable::write(&index, Access::Private, |file| file.write_all(&self.index))?;
        }
        durable::write(&self.picture(number), Access::Private, |file| file.write_all(png))
    }

    /// Removes the shelves of the same cache that were not used for the longest, until all take at most `bytes_max`; this one
    /// stays.
    pub fn evict_others(&self, bytes_max: u64) {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut others: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        let mut bytes = 0;
        for folder in entries.map(|entry| entry.path()).filter(|path| path.is_dir()) {
            let size = size_of_folder(&folder);
            bytes += size;
            if folder != self.folder {
                let used = fs::metadata(folder.join(INDEX)).and_then(|index| index.modified());
                others.push((used.unwrap_or(SystemTime::UNIX_EPOCH), size, folder));
            }
        }
        others.sort();
        for (_, size, folder) in others {
            if bytes <= bytes_max {
                return;
            }
            // What cannot be removed now is tried again after the next pictures.
            if fs::remove_dir_all(folder).is_ok() {
                bytes -= size;
            }
        }
    }

    fn picture(&self, number: usize) -> PathBuf {
        self.folder.join(format!("{number:04}.png"))
    }
}

fn size_of_folder(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}
