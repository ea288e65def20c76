//! Why a job, or an attempt at it, failed: a stable code, whose fault it is, and one sentence.

use std::fmt;

use names::names;
use serde::{Deserialize, Deserializer, Serialize};

names! {
    /// Whose fault a failure is. The owner's ends the job; the machine's costs an attempt or none, never the queue.
    pub enum Blame: "kind of blame" {
        /// The request, or what it points at: another attempt would meet the same.
        Owner = "owner",
        /// The machine that tried: another attempt, elsewhere or later, may succeed.
        Machine = "machine",
    }
}

names! {
    /// The stable name of a failure. Clients may branch on it; sentences change, codes do not.
    pub enum FailureCode: "failure code" {
        /// An address of the request could not be fetched.
        DataUnreachable = "data_unreachable",
        /// An address of the request is not a public one, or no address at all.
        AddressRefused = "address_refused",
        /// What an address leads to is larger than this service takes.
        DataTooLarge = "data_too_large",
        /// What `data_url` leads to is not a zip that can be unpacked.
        DataNotAZip = "data_not_a_zip",
        /// The zip holds no images.
        DataNoImages = "data_no_images",
        /// An image of the zip cannot be decoded or is too small or too large.
        DataUnusableImage = "data_unusable_image",
        /// The model is not where the request says, or the token may not read it.
        ModelNotFound = "model_not_found",
        /// The model's files are damaged, of another kind, or ask for what these networks cannot compute.
        ModelUnusable = "model_unusable",
        /// The settings cannot be trained with.
        SettingsUnusable = "settings_unusable",
        /// The loss or a gradient stopped being a finite number.
        TrainingDiverged = "training_diverged",
        /// A trained weight does not fit the format of the exported file.
        WeightOutOfRange = "weight_out_of_range",
        /// A network gave no finite number, so there is no picture.
        PictureNotFinite = "picture_not_finite",
        /// The device has too little memory for what the request asks.
        OutOfMemory = "out_of_memory",
        /// The bucket of the request refused the upload.
        BucketRefused = "bucket_refused",
        /// The attempt took longer than its execution timeout.
        ExecutionTimeout = "execution_timeout",
        /// The job waited in the queue longer than its ttl.
        TtlExpired = "ttl_expired",
        /// A worker of another kind reported a failure in its own words.
        JobFailed = "job_failed",
        /// The device that the worker was started for is not there.
        DeviceUnavailable = "device_unavailable",
        /// A disk of the machine is full.
        DiskFull = "disk_full",
        /// A file of the machine could not be read or written.
        FileError = "file_error",
        /// The artifact store did not take a file.
        UploadFailed = "upload_failed",
        /// The process that computes could not be started.
        ChildStartFailed = "child_start_failed",
        /// The process that computes died.
        ChildDied = "child_died",
        /// The worker stopped reporting.
        WorkerLost = "worker_lost",
        /// The worker was told to stop.
        WorkerStopped = "worker_stopped",
        /// A fault of this program.
        Internal = "internal",
    }
}

impl FailureCode {
    /// Whose fault a failure of this code is.
    pub fn blame(self) -> Blame {
        match self {
            Self::DeviceUnavailable
            | Self::DiskFull
            | Self::FileError
            | Self::UploadFailed
            | Self::ChildStartFailed
            | Self::ChildDied
            | Self::WorkerLost
            | Self::WorkerStopped
            | Self::Internal => Blame::Machine,
            Self::DataUnreachable
            | Self::AddressRefused
            | Self::DataTooLarge
            | Self::DataNotAZip
            | Self::DataNoImages
            | Self::DataUnusableImage
            | Self::ModelNotFound
            | Self::ModelUnusable
            | Self::SettingsUnusable
            | Self::TrainingDiverged
            | Self::WeightOutOfRange
            | Self::PictureNotFinite
            | Self::OutOfMemory
            | Self::BucketRefused
            | Self::ExecutionTimeout
            | Self::TtlExpired
            | Self::JobFailed => Blame::Owner,
        }
    }
}

/// A failure as it travels from the child through the store to the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What failed. A code that this version does not know reads as [`FailureCode::JobFailed`].
    #[serde(deserialize_with = "known_or_general")]
    pub code: FailureCode,
    /// Whose fault it is.
    pub blame: Blame,
    /// One sentence for the job's owner: what happened, to which field or file, and the remedy.
    pub sentence: String,
}

impl Failure {
    /// A failure with the blame that belongs to its code.
    pub fn new(code: FailureCode, sentence: impl Into<String>) -> Self {
        Self { code, blame: code.blame(), sentence: sentence.into() }
    }

    /// True when another attempt would meet the same.
    pub fn ends_the_job(&self) -> bool {
        self.blame == Blame::Owner
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Failure {}

/// Another version may know more codes; its failures must stay readable.
fn known_or_general<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FailureCode, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.parse().unwrap_or(FailureCode::JobFailed))
}
