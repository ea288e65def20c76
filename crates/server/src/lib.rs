//! HTTP: RunPod's operations for the endpoint `dream-booth-v1`, the files of finished jobs, and the webhooks.
//!
//! The server knows no tensor and keeps nothing: it reads requests into the checked types of `protocol`, and asks the
//! job store. A `200` to `run` means that the job is on disk.
//!
//! # Layout
//! - [`config`], [`state`]: what the operator decides; the parts that every handler shares
//! - `router`: which path leads where; `layers`: what surrounds every request; `path`: paths in normal form
//! - `auth`: the key of a request; `body`: its JSON, of bounded size; `job_path`: the job id in its path
//! - `run`, `status`, `cancel`, `health`: one operation each
//! - `files`, `byte_range`: signed addresses of files
//! - [`error`]: every way to be refused, with its status and its sentence
//! - `serve`: the listener and its end; [`webhooks`], [`reaper`]: the loops to run beside it

mod auth;
mod body;
mod byte_range;
mod cancel;
pub mod config;
pub mod error;
mod files;
mod health;
mod job_path;
mod layers;
mod path;
pub mod reaper;
mod router;
mod run;
mod serve;
pub mod state;
mod status;
pub mod webhooks;

pub use body::BODY_MAX_BYTES;
pub use config::{QUEUE_MAX, ServerConfig};
pub use error::ApiError;
pub use reaper::run_reaper;
pub use router::router;
pub use serve::serve;
pub use state::AppState;
pub use webhooks::{deliver_due, run_webhooks};
