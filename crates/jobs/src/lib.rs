//! The job store: the one place that knows which jobs there are, who works on them and whom to tell when they end.
//!
//! What it promises:
//! - **Acknowledged is kept.** [`JobStore::submit`] returns after the job is synced to disk.
//! - **At-least-once execution, exactly-once effect.** A claim gives a [`Lease`] with a fencing number; every write of
//!   a worker is guarded by it, so a late one changes nothing.
//! - **A lost worker costs one attempt**, and no clock decides who is lost. A [`Reaper`] gives the job back to the
//!   queue's front once it has *watched* a lease stay silent for a whole lease time, and sets the job aside as `FAILED`
//!   when its attempts are used up.
//! - **Cancel is final**, and so is every other terminal state; reaching one writes the webhook's outbox row and deletes
//!   the job's secrets in the same transaction.
//! - **Secrets are never written in clear**, neither into the database nor into its log: they are sealed under a
//!   [`MasterKey`] before they reach it.
//! - **Nothing scans.** Submitting, claiming and counting cost the same with a hundred and a hundred thousand stored jobs
//!   (`cargo run --release -p jobs --example scale`).
//!
//! Bodies are JSON that the store neither reads nor changes: any endpoint's request, event and output fits.
//!
//! # Layout
//! - `store`, `connect`: opening the database, its connections, its clock, the wake-up hint
//! - `dialect`, `schema`: everything in which databases differ, and the tables
//! - `write`: a transaction, and the counters that change with it
//! - `submit`, `idempotency`, `claim`, `lease`, `give_back`, `finish`, `cancel`, [`reaper`]: a job's way from queue to end
//! - `transition`: the changes of state that several of those share
//! - `record`, `json`: reading jobs
//! - [`seal`]: the master key, and what is sealed under it
//! - `retention`, `sweep`: what goes when a job has ended
//! - `events`, [`outbox`], `deliveries`, [`keys`], `workers`, `counts`: what hangs on the jobs

mod cancel;
mod claim;
mod connect;
mod counts;
mod deliveries;
mod dialect;
mod error;
mod events;
mod finish;
mod give_back;
mod idempotency;
mod json;
pub mod keys;
mod lease;
pub mod outbox;
pub mod reaper;
mod record;
mod retention;
mod schema;
pub mod seal;
mod store;
mod submit;
mod sweep;
mod transition;
mod workers;
mod write;

pub use claim::Claim;
pub use connect::Pragmas;
pub use counts::Counts;
pub use deliveries::{DeliveryTry, Outcome};
pub use error::{DatabaseError, StoreError};
pub use events::{EVENTS_KEPT, TakenEvents};
pub use idempotency::{IDEMPOTENCY_MS, Idempotency};
pub use keys::{ApiKey, Endpoints, Scope};
pub use lease::{Lease, LeaseLost, LeaseState};
pub use outbox::Delivery;
pub use reaper::{Reaped, Reaper, run_reaper};
pub use retention::ExpiredJob;
pub use seal::MasterKey;
pub use store::{Clock, JobStore};
pub use submit::{DEFAULT_MAX_ATTEMPTS, Lane, NewJob, Submission};
pub use sweep::{Keep, Sweep};
pub use workers::{BadWorkerName, Presence, SeenWorker, WORKER_SEEN_MS, WorkerIdentity, WorkerState};
