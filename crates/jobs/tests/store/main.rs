//! The job store through its public doors, on clocks that the tests set.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cancelling;
mod connections;
mod contention;
mod counting;
mod crash;
mod endings;
mod events;
mod house;
mod idempotency;
mod keys;
mod leases;
mod model;
mod opening;
mod outbox;
mod queue;
mod reaping;
mod retention;
mod secrets;
mod workers;
