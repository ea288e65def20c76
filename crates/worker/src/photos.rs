//! Brings in the zips of a training: the job's own, those of its class, and those of several concepts. What an earlier attempt
//! has brought in is there already.

use std::path::{Path, PathBuf};

use protocol::request::Sources;
use protocol::{Failure, FailureCode, SecretUrl, TrainSettings};
use transfer::{DownloadLimits, Network, UnzipLimits, unzip};

/// The photos of a job on their way in.
#[derive(Debug)]
pub(crate) struct Photos<'a> {
    pub(crate) network: &'a Network,
    /// The job's folder for what is brought in.
    pub(crate) inputs_dir: PathBuf,
}

/// Where they lie in the end.
#[derive(Debug)]
pub(crate) struct PhotoFolders {
    /// Images of the concept; with several concepts, a folder of each.
    pub(crate) images_dir: PathBuf,
    /// Images of the class, in the same way; absent when the request brought none.
    pub(crate) class_images_dir: Option<PathBuf>,
}

impl Photos<'_> {
    /// Downloads and unpacks every zip. Dropping it is safe at any moment: a folder gets its name last.
    ///
    /// # Errors
    /// One sentence that names the field.
    pub(crate) async fn bring(&self, settings: &TrainSettings, sources: &Sources) -> Result<PhotoFolders, Failure> {
        let (images, class) = (self.inputs_dir.join("images"), self.inputs_dir.join("class-images"));
        match &sources.data_url {
            Some(url) => self.unpack("input.train.data_url", url, &images).await?,
            None => make(&images)?,
        }
        if let Some(url) = &sources.class_data_url {
            self.unpack("input.train.class_data_url", url, &class).await?;
        }
        for (index, (concept, zips)) in settings.concepts.iter().zip(&sources.concepts).enumerate() {
            let field = |name: &str| format!("input.train.concepts[{index}].{name}");
            if let Some(url) = &zips.data_url {
                self.unpack(&field("data_url"), url, &images.join(&concept.folder)).await?;
            }
            if let Some(url) = &zips.class_data_url {
                make(&class)?;
                self.unpack(&field("class_data_url"), url, &class.join(&concept.folder)).await?;
            }
        }
        let class_images_dir = class.is_dir().then_some(class);
        Ok(PhotoFolders { images_dir: images, class_images_dir })
    }

    /// The zip at `url`, which stands in `field` of the request, becomes the folder `to`.
    async fn unpack(&self, field: &str, url: &SecretUrl, to: &Path) -> Result<(), Failure> {
        // Unpacking gives the folder its name last.
        if to.is_dir() {
            return Ok(());
        }
        let zip = self.inputs_dir.join("data.zip");
        let downloaded = self.network.download(url.reveal(), &zip, DownloadLimits::ZIP, None, |_, _| {}).await;
        downloaded.map_err(|error| Failure::from(&error))?;
        let (from, folder) = (zip.clone(), to.to_owned());
        let unpacked = tokio::task::spawn_blocking(move || unzip::unpack(&from, &folder, UnzipLimits::PHOTOS)).await;
        let unpacked = unpacked
            .map_err(|error| Failure::new(FailureCode::Internal, format!("unpacking the zip ended early: {error}")))?;
        unpacked.map_err(|error| {
            let failure = Failure::from(&error);
            Failure { sentence: format!("{field}: {}", failure.sentence), ..failure }
        })?;
        // Its bytes are in the images now.
        drop(tokio::fs::remove_file(&zip).await);
        Ok(())
    }
}

fn make(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| crate::failure::file("make a folder for the photos", &error))
}
