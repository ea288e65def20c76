//! The job store through its public doors, on a clock that the tests set.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cancelling;
mod contention;
mod counting;
mod crash;
mod endings;
mod events;
mod house;
mod keys;
mod leases;
mod model;
mod opening;
mod outbox;
mod queue;
