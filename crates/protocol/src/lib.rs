//! What travels between client, server and worker. Types and their checks; no I/O.
//!
//! # Layout
//! - [`parameter`], [`limit`], [`value`]: one declaration per request field, as data; what is derived from it
//! - [`request`]: a body taken apart once into settings, sources and secrets; [`train`], [`txt2img`], [`bucket`]: its fields
//! - [`shown`]: a request without its secrets; [`secret`]: values that nothing may show
//! - [`sampler`]: the table of samplers; [`scheduler`], [`noise_source`], [`lr_schedule`]: closed lists of names that requests may use
//! - [`job`]: ids, states and the record the store keeps; [`failure`]: why a job failed, and whose fault it is
//! - [`occasion`], [`event`], [`child`]: what work is given, what it reports, and the wire to the process that does it
//! - [`output`], [`artifact`], [`view`]: what a finished job holds, its files, and how clients see a job

pub mod artifact;
pub mod bucket;
pub mod child;
pub mod event;
pub mod failure;
pub mod job;
pub mod limit;
pub mod lr_schedule;
pub mod native;
pub mod noise_source;
pub mod occasion;
pub mod output;
pub mod parameter;
pub mod request;
pub mod sampler;
pub mod scheduler;
pub mod secret;
pub mod shown;
pub mod train;
pub mod txt2img;
pub mod value;
pub mod view;

pub use artifact::{ArtifactKey, ArtifactRef};
pub use child::{Assignment, ChildMessage, FidelityModels, MadeFile, SupervisorMessage};
pub use event::{FileContent, JobEvent, Stage};
pub use failure::{Blame, Failure, FailureCode};
pub use job::{JobId, JobRecord, JobStatus};
pub use lr_schedule::LrScheduler;
pub use noise_source::NoiseSource;
pub use occasion::{Leave, Occasion, ProgressMeter};
pub use output::{ImagesOutput, JobOutput, TrainOutput};
pub use parameter::Parameter;
pub use request::JobRequest;
pub use sampler::{SamplerChoice, SamplerName, SamplerRow};
pub use scheduler::SchedulerName;
pub use secret::{Secret, SecretUrl};
pub use train::{CaptionPadding, Concept, Crop, FloatKind, NetworkKind, Profile, TextTraining, TrainSettings};
pub use txt2img::Txt2ImgParams;
pub use value::RequestError;

/// The one endpoint this service offers, as it stands in every path: `/v2/dream-booth-v1/run`.
pub const ENDPOINT: &str = "dream-booth-v1";
