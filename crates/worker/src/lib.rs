//! One claimed job from start to finish, seen from outside: the supervisor has the network, the store and the secrets, and
//! never touches a tensor. What may crash, crashes in its child (`execution`).
//!
//! # Layout
//! - [`supervisor`]: keeps a child, claims jobs, one at a time; start reading here
//! - `attempt`: one attempt, from the claim to what became of it; `relay`: what the child says meanwhile
//! - `ending`: how that is written down, however long the store is silent
//! - [`inputs`], `photos`: bring in the base model and the zips; `uploads`: puts the child's files into the artifact store
//! - [`work_dir`]: a job's folder, which outlives its attempts
//! - [`child_process`], [`child_environment`]: starts the child, speaks its protocol, notices its death
//! - `heartbeat`, `reporter`: the lease and the progress; neither can hold up the work
//! - `interruption`, `pauses`, [`throttle`]: when to leave, how long to wait, how often to report
//! - [`failure`]: what can go wrong here, and whose fault it is

mod attempt;
pub mod child_environment;
pub mod child_process;
mod ending;
pub mod failure;
mod heartbeat;
pub mod inputs;
mod interruption;
mod pauses;
mod photos;
mod relay;
mod reporter;
pub mod supervisor;
pub mod throttle;
mod uploads;
pub mod work_dir;

pub use child_process::ChildCommand;
pub use pauses::Pauses;
pub use supervisor::{Supervisor, SupervisorConfig, Timing};
