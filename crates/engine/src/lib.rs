//! engine
pub use tch;
