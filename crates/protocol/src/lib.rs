//! What travels between client, server and worker. Types and their checks; no I/O.
//!
//! # Layout
//! - [`parameter`]: one declaration per request field yields struct, parser, limits and table
//! - [`value`]: how a JSON value becomes a Rust one, and the sentence when it cannot
//! - [`train`], [`txt2img`], [`request`]: the fields of a job request
//! - [`sampler`], [`lr_schedule`]: the closed lists of names that requests may use
//! - [`job`]: ids, states and the record the store keeps
//! - [`event`], [`child`]: what the process that trains reports, and what it is told
//! - [`output`], [`view`]: what a finished job holds and how clients see a job
//! - [`secret`]: values that no log, view, event or error may show

pub mod child;
pub mod event;
pub mod job;
pub mod lr_schedule;
pub mod output;
pub mod parameter;
pub mod request;
pub mod sampler;
pub mod secret;
pub mod train;
pub mod txt2img;
pub mod value;
pub mod view;

pub use child::{Assignment, ChildMessage, SupervisorMessage};
pub use event::{JobEvent, Stage};
pub use job::{JobId, JobRecord, JobStatus};
pub use lr_schedule::LrScheduler;
pub use output::{ArtifactKey, ImagesOutput, JobOutput, TrainOutput};
pub use parameter::Parameter;
pub use request::JobRequest;
pub use sampler::SamplerName;
pub use secret::Secret;
pub use train::{TextTraining, TrainParams};
pub use txt2img::Txt2ImgParams;
pub use value::RequestError;

/// The one endpoint this service offers, as it stands in every path: `/v2/dream-booth-v1/run`.
pub const ENDPOINT: &str = "dream-booth-v1";
