//! The pictures as the UNet sees them: rendered and encoded once, straight and mirrored, and kept in files of a thousand.
//! The autoencoder gives each picture one latent, not a distribution: their deviation is 0.

use std::collections::BTreeMap;
use std::path::Path;

use engine::tch::{Device, Kind, Tensor};
use model::Vae;
use model::weights::named_tensors::NamedTensorFile;
use sha2::{Digest, Sha256};
use toyworld::{Description, World};
use training::latents::{Distribution, LatentCache};

use crate::error::{PretrainingError, Result};
use crate::pictures::{encode, render};
use crate::recipe::SIDE;
use crate::tensors;

/// Pictures in one file.
const SHARD: u64 = 1024;
/// Marks which autoencoder made a file's latents.
const ENCODER: &str = "encoder";
/// Marks which pictures they are of.
const SCENES: &str = "scenes";

/// Where latents come from and where they are kept.
#[derive(Debug)]
pub struct Encoding<'a> {
    /// The world that is rendered.
    pub world: &'a World,
    /// The autoencoder.
    pub vae: &'a Vae,
    /// A name of its weights: latents of other weights are made anew.
    pub encoder: &'a str,
    /// Where it lies.
    pub device: Device,
}

impl Encoding<'_> {
    /// The latents of the first `pictures` pictures, read from `folder` or made there. `done(n)` is told how many there are.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn cache(&self, folder: &Path, pictures: u64, mut done: impl FnMut(u64)) -> Result<LatentCache> {
        let mut images = Vec::new();
        for first in (0..pictures).step_by(SHARD as usize) {
            let path = folder.join(format!("{:05}.safetensors", first / SHARD));
            let scenes: Vec<_> = (first..first + SHARD).map(|index| (self.world.description(index), index)).collect();
            let texts =
                BTreeMap::from([(ENCODER.to_owned(), self.encoder.to_owned()), (SCENES.to_owned(), name_of(&scenes))]);
            let (straight, mirrored) = match self.read(&path, &texts)? {
                Some(found) => found,
                None => self.make(&path, &scenes, &texts)?,
            };
            let wanted = (pictures - first).min(SHARD) as i64;
            let zero = straight.get(0).zeros_like();
            let exact = |latents: &Tensor, index| Distribution { mean: latents.get(index), std: zero.shallow_clone() };
            images.extend((0..wanted).map(|index| vec![(exact(&straight, index), Some(exact(&mirrored, index)))]));
            done(first + wanted as u64);
        }
        Ok(LatentCache::with_mirrored(images))
    }

    /// A whole file, `[1024, 4, 16, 16]` f32 each; nothing when it is not there, of other pictures or of another
    /// autoencoder.
    fn read(&self, path: &Path, texts: &BTreeMap<String, String>) -> Result<Option<(Tensor, Tensor)>> {
        if !path.exists() {
            return Ok(None);
        }
        let file = NamedTensorFile::open(path)?;
        if texts.iter().any(|(key, text)| file.metadata().get(key) != Some(text)) {
            return Ok(None);
        }
        let whole = |name| {
            let tensor = file.tensor(name)?.to_kind(Kind::Float).to_device(self.device);
            if tensor.size().first() == Some(&(SHARD as i64)) {
                return Ok(tensor);
            }
            let problem = format!("holds {:?} latents", tensor.size());
            Err(PretrainingError::Damaged { path: path.to_owned(), problem })
        };
        Ok(Some((whole("straight")?, whole("mirrored")?)))
    }

    fn make(
        &self,
        path: &Path,
        scenes: &[(Description, u64)],
        texts: &BTreeMap<String, String>,
    ) -> Result<(Tensor, Tensor)> {
        let pictures = render(scenes);
        let (straight, mirrored) =
            (encode(self.vae, &pictures, self.device), encode(self.vae, &pictures.flip([3]), self.device));
        // fp16 keeps three digits of numbers of about 1, which is far less than the autoencoder loses.
        let half = |name: &str, tensor: &Tensor| (name.to_owned(), tensor.to_kind(Kind::Half).to_device(Device::Cpu));
        let halves = [half("straight", &straight), half("mirrored", &mirrored)];
        tensors::write(path, &halves, texts)?;
        // As they will be read: a run that goes on is the same as one that was not interrupted.
        let again = |(_, tensor): &(String, Tensor)| tensor.to_kind(Kind::Float).to_device(self.device);
        Ok((again(&halves[0]), again(&halves[1])))
    }
}

/// A SHA-256 of what the pictures show and of how the first of them looks: a changed world is another.
fn name_of(scenes: &[(Description, u64)]) -> String {
    let mut hasher = Sha256::new();
    for (description, _) in scenes {
        hasher.update(description.caption(0));
    }
    if let Some((description, pose)) = scenes.first() {
        hasher.update(description.render(*pose, SIDE).as_raw());
    }
    hex::encode(hasher.finalize())
}
