//! Values that no log, view, event or error may show.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A token or credential. `Debug` and `Display` print stars; only [`Secret::reveal`] gives the text away.
///
/// It serialises as its text, because the job store must keep it until the job has run; whatever shows a request to
/// someone goes through [`crate::request::redact`] first.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
