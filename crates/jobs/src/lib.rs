//! The job store: the one place that knows which jobs there are, who works on them and whom to tell when they end.
//!
//! What it promises:
//! - **Acknowledged is kept.** [`JobStore::submit`] returns after the job is synced to disk.
//! - **At-least-once execution, exactly-once effect.** A claim gives a [`Lease`] with a fencing number; every write of
//!   a worker is guarded by it, so a late one changes nothing.
//! - **A lost worker costs one attempt.** [`JobStore::reap`] gives the job back to the queue's front, and sets it aside
//!   as `FAILED` when its attempts are used up.
//! - **Cancel is final**, and so is every other terminal state; reaching one writes the webhook's outbox row and wipes
//!   the secrets of the input in the same transaction.
//!
//! # Layout
//! - `store`: opening the database, its clock, the wake-up hint
//! - `dialect`, `schema`: everything in which databases differ, and the tables
//! - `submit`, `claim`, `lease`, `finish`, `cancel`, `reap`: a job's way from queue to end
//! - `transition`: the changes of state that several of those share
//! - `record`: reading jobs
//! - `events`, [`outbox`], [`keys`], `workers`, `counts`: what hangs on the jobs

mod cancel;
mod claim;
mod counts;
mod dialect;
mod error;
mod events;
mod finish;
pub mod keys;
mod lease;
pub mod outbox;
mod reap;
mod record;
mod schema;
mod store;
mod submit;
mod transition;
mod workers;

pub use claim::Claim;
pub use counts::Counts;
pub use error::StoreError;
pub use events::{EVENTS_KEPT, TakenEvents};
pub use keys::ApiKey;
pub use lease::{Lease, LeaseLost, LeaseState};
pub use outbox::Delivery;
pub use reap::Reaped;
pub use store::{Clock, JobStore};
pub use submit::{DEFAULT_MAX_ATTEMPTS, LOW_PRIORITY, NORMAL_PRIORITY, NewJob};
pub use workers::{WORKER_SEEN_MS, WorkerState};
