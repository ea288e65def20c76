//! The project's tasks: `cargo xtask provision | demo | test | lint | goldens`. It needs no libtorch itself, and so can fetch it.
//!
//! - [`provision`] brings libtorch and links it as `.libtorch`; every other task begins with it.
//! - [`suite`] runs the tests and sums them up; [`lint`] looks at format and lints.
//! - [`demo`] builds the service and uses it as a client does.
//! - [`goldens`] records the numbers that the tests compare with.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks on its terminal")]

pub mod command;
pub mod demo;
pub mod goldens;
pub mod lint;
pub mod provision;
pub mod suite;
