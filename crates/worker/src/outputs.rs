//! Puts the child's files into the artifact store and names them by key.

use std::path::Path;

use protocol::child::{ChildImages, ChildModel, ChildOutput};
use protocol::{ArtifactKey, ImagesOutput, JobId, JobOutput, TrainOutput, Txt2ImgParams};
use transfer::ArtifactStore;

use crate::WorkerError;

/// Stores every file the child named. Whatever an earlier attempt stored under the same names is replaced.
///
/// # Errors
/// When a file is missing or the store refuses it.
pub async fn store(
    artifacts: &ArtifactStore,
    job: &JobId,
    out_dir: &Path,
    output: ChildOutput,
    requests: &[Txt2ImgParams],
) -> Result<JobOutput, WorkerError> {
    let upload = Upload { artifacts, job, out_dir };
    let mut stored = JobOutput::default();
    if let Some(ChildModel { checkpoint, safetensors, report }) = output.train {
        stored.train = Some(TrainOutput {
            checkpoint: upload.file(&checkpoint).await?,
            safetensors: upload.file(&safetensors).await?,
            report: upload.file(&report).await?,
        });
    }
    for (ChildImages { images, parameters, info }, request) in output.inference.into_iter().zip(requests) {
        let mut keys = Vec::with_capacity(images.len());
        for image in &images {
            keys.push(upload.file(image).await?);
        }
        stored.inference.push(ImagesOutput { images: keys, parameters, info, passback: request.passback.clone() });
    }
    Ok(stored)
}

struct Upload<'a> {
    artifacts: &'a ArtifactStore,
    job: &'a JobId,
    out_dir: &'a Path,
}

impl Upload<'_> {
    async fn file(&self, name: &str) -> Result<ArtifactKey, WorkerError> {
        let key = ArtifactKey::new(self.job, name).ok_or_else(|| {
            WorkerError::Attempt(format!("the child named the file {name:?}, which is no plain name"))
        })?;
        self.artifacts
            .put_file(&key, &self.out_dir.join(key.file_name()))
            .await
            .map_err(|error| WorkerError::Attempt(format!("{name} could not be stored: {error}")))?;
        Ok(key)
    }
}
