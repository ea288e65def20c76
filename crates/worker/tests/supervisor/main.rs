//! A supervisor with a real store, a real artifact store, and a child that is a shell script.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod child;
mod endings;
mod files;
mod folders;
mod inputs;
mod leaving;
mod machine;
mod site;
