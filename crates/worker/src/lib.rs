//! One claimed job from start to finish: a supervisor and the child process that holds the device.
//!
//! # Layout
//! - [`supervisor`]: claims, runs and finishes jobs, one at a time
//! - [`inputs`]: brings in the zip and the base model
//! - [`heartbeat`]: keeps the lease from a thread of its own
//! - [`child_process`]: starts the child, speaks its protocol, notices its death
//! - [`outputs`]: puts the child's files into the artifact store
//! - [`child`]: the other side: reads an assignment, answers in JSON lines
//! - [`execution`]: train, export, draw; the code path that the command line shares
//! - [`throttle`]: how often progress is written down

pub mod child;
pub mod child_process;
pub mod error;
pub mod execution;
pub mod heartbeat;
pub mod inputs;
pub mod outputs;
pub mod supervisor;
pub mod throttle;

pub use child_process::ChildCommand;
pub use error::WorkerError;
pub use supervisor::{Supervisor, SupervisorConfig};
