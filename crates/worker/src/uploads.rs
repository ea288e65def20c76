//! Puts the child's files into the artifact store, each as soon as it is finished, beside the work.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use jobs::Lease;
use protocol::{
    ArtifactKey, ArtifactRef, Failure, FailureCode, FileContent, JobEvent, JobOutput, MadeFile, TrainOutput,
};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;
use transfer::{ArtifactStore, TransferError};

use crate::pauses::Pauses;

/// How often a file is tried before the attempt gives up: half a minute with the usual pauses.
const TRIES_MAX: u32 = 6;

/// The files of one attempt.
#[derive(Debug)]
pub(crate) struct Uploads {
    way: Arc<Way>,
    begun: HashMap<String, Upload>,
}

#[derive(Debug)]
struct Upload {
    content: Option<FileContent>,
    stored: JoinHandle<Result<ArtifactRef, Failure>>,
}

/// From where to where.
#[derive(Debug)]
struct Way {
    artifacts: ArtifactStore,
    lease: Lease,
    out_dir: PathBuf,
    pauses: Pauses,
}

impl Uploads {
    pub(crate) fn new(artifacts: ArtifactStore, lease: Lease, out_dir: PathBuf, pauses: Pauses) -> Self {
        Self { way: Arc::new(Way { artifacts, lease, out_dir, pauses }), begun: HashMap::new() }
    }

    /// Begins to store a file that the child has finished; once it is stored, `reports` hears of it.
    pub(crate) fn begin(&mut self, made: MadeFile, reports: Sender<JobEvent>) {
        if self.begun.contains_key(&made.file) {
            return;
        }
        let (way, file, content) = (Arc::clone(&self.way), made.file.clone(), made.content.clone());
        let stored = tokio::spawn(async move {
            let stored = way.put(&file).await?;
            // Nobody may be there to hear it any more; the file is stored all the same.
            drop(reports.send(JobEvent::File { file: stored.clone(), content }).await);
            Ok(stored)
        });
        self.begun.insert(made.file, Upload { content: Some(made.content), stored });
    }

    /// The output with the files' keys, once every file of it is stored; those that the child did not announce, too.
    ///
    /// # Errors
    /// When a file is not one that may be stored, or the store does not take it.
    pub(crate) async fn finish(&mut self, output: JobOutput<String>) -> Result<JobOutput<ArtifactRef>, Failure> {
        let mut names = Vec::new();
        let named = output.try_map(|name| {
            names.push(name.clone());
            Ok::<_, Failure>(name)
        })?;
        let mut stored = HashMap::new();
        for name in names {
            let key = match self.begun.remove(&name) {
                Some(upload) => upload.stored.await.unwrap_or_else(|error| Err(upload_failed(&name, &error)))?,
                None => self.way.put(&name).await?,
            };
            stored.insert(name, key);
        }
        named.try_map(|name| stored.get(&name).cloned().ok_or_else(|| out_of_order(&name, "it was not stored")))
    }

    /// What there is of an output when the job fails: the trained model, if all of it is stored.
    pub(crate) async fn partial(&mut self) -> Option<JobOutput<ArtifactRef>> {
        let (mut checkpoint, mut safetensors, mut diffusers) = (None, None, None);
        let (mut report, mut report_page) = (None, None);
        for (name, upload) in std::mem::take(&mut self.begun) {
            let Ok(Ok(stored)) = upload.stored.await else { continue };
            match upload.content {
                Some(FileContent::Model) if name.ends_with(".ckpt") => checkpoint = Some(stored),
                Some(FileContent::Model) if name.ends_with(".zip") => diffusers = Some(stored),
                Some(FileContent::Model) => safetensors = Some(stored),
                Some(FileContent::Report) if name.ends_with(".html") => report_page = Some(stored),
                Some(FileContent::Report) => report = Some(stored),
                _ => {}
            }
        }
        let (safetensors, report, report_page) = (safetensors?, report?, report_page?);
        let train = TrainOutput { checkpoint, safetensors, diffusers, report, report_page };
        Some(JobOutput { inference: Vec::new(), train: Some(train) })
    }

    /// Waits until no file is on its way, so that what is deleted next stays deleted.
    pub(crate) async fn settle(&mut self) {
        for (_, upload) in std::mem::take(&mut self.begun) {
            drop(upload.stored.await);
        }
    }
}

impl Way {
    async fn put(&self, name: &str) -> Result<ArtifactRef, Failure> {
        let key = ArtifactKey::new(&self.lease.job, self.lease.number, name)
            .ok_or_else(|| out_of_order(name, "its name is no plain one"))?;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.artifacts.put_file(&key, &self.out_dir.join(name)).await {
                Ok(_) => return Ok(ArtifactRef { artifact: key }),
                Err(error) if is_no_file(&error) => return Err(out_of_order(name, &error.to_string())),
                Err(error) if tries >= TRIES_MAX => return Err(upload_failed(name, &error)),
                Err(error) => {
                    tracing::warn!(job = %self.lease.job, name, tries, %error, "a file was not stored; trying again");
                    tokio::time::sleep(self.pauses.after(tries)).await;
                }
            }
        }
    }
}

/// True when the child's own file is the trouble: it is a link, or not there at all.
fn is_no_file(error: &TransferError) -> bool {
    use std::io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
    let TransferError::File { doing: "read", source, .. } = error else { return false };
    matches!(source.kind(), InvalidInput | NotADirectory | NotFound)
}

fn upload_failed(name: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(FailureCode::UploadFailed, format!("{name} could not be stored: {error}"))
}

/// A child that was tampered with, by what it read.
fn out_of_order(name: &str, what: &str) -> Failure {
    Failure::new(FailureCode::Internal, format!("the process that ran the job named the file {name:?}: {what}"))
}
