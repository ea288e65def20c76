//! What happens in the process that holds the device: a job is trained, exported, drawn. The command line shares the code.
//!
//! Neither network nor store nor secret is known here: settings and paths come in, files and messages go out.
//!
//! # Layout
//! - [`child`]: the loop that reads assignments and answers in JSON lines; start reading here
//! - [`execute`](mod@execute): one assignment from start to finish
//! - `training_files`: the files of a training, written and announced
//! - `painter`: the pictures that are drawn in a training
//! - [`warm`]: the model that is kept loaded between jobs
//! - [`compute`], [`limits`]: the device, and what the process may take of its machine
//! - [`error`], [`failure`]: what can go wrong, and whose fault it is

pub mod child;
pub mod compute;
pub mod error;
pub mod execute;
pub mod failure;
pub mod limits;
mod painter;
mod training_files;
pub mod warm;
mod zipped_folder;

pub use child::ChildSettings;
pub use compute::Compute;
pub use error::ExecutionError;
pub use execute::{Target, draw_to_files, execute};
pub use limits::ChildLimits;
pub use training_files::{model_files, train_to_files};
pub use warm::Warm;
