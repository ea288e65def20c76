//! The whole program, as its users meet it: a server process, its child, and a client over HTTP.

#![cfg(all(feature = "compute", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking and tells what it saw"
)]

mod bad_input;
mod commands;
mod durability;
mod frozen;
mod kill;
mod main_job;
mod privacy;
mod stopping;
mod support;
