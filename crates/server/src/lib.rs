//! HTTP: RunPod's operations for the endpoint `dream-booth-v1`, the files of jobs, and the webhooks.
//!
//! The server knows no tensor and keeps nothing: it reads requests into the checked types of `protocol`, and asks the
//! job store. A `200` to `run` means that the job is on disk.
//!
//! # Layout
//! - [`config`], [`state`]: what the operator decides; the parts that every handler shares
//! - `serve`, `timed_writes`, [`open_files`]: the listener, its connections, and what each may take
//! - `router`: which path leads where; `layers`: what surrounds every request; `path`: paths in normal form
//! - `auth`, `this_machine`: who may ask, by a key or without; `job_path`: the job id in a path
//! - `body`, `bounded_json`: the JSON of a request, of bounded size, time and weight
//! - `run`, `status`, `cancel`, `health`: one operation each
//! - `files`, `byte_range`: signed addresses of files
//! - [`error`]: every way to be refused, with its status and its sentence
//! - [`webhooks`], [`janitor`]: the loops to run beside the listener

mod auth;
mod body;
mod bounded_json;
mod byte_range;
mod cancel;
pub mod config;
pub mod error;
mod files;
mod health;
pub mod janitor;
mod job_path;
mod layers;
pub mod open_files;
mod path;
mod router;
mod run;
mod serve;
pub mod state;
mod status;
mod this_machine;
mod timed_writes;
pub mod webhooks;

pub use body::{BODY_MAX_BYTES, BodyRoom};
pub use bounded_json::VALUES_MAX;
pub use config::{Access, ConnectionLimits, QUEUE_MAX, ServerConfig};
pub use error::ApiError;
pub use janitor::{Janitor, Tidied, run_janitor};
pub use router::router;
pub use serve::serve;
pub use state::AppState;
pub use webhooks::{deliver_due, run_webhooks};
