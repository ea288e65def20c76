//! Why the store could not do something.

use std::path::PathBuf;

/// An error of the job store. Its text may go to the log; clients get the status code and a general sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database file could not be made or opened.
    #[error("the job store {path} cannot be opened ({source}); its folder must exist and be writable", path = path.display())]
    File {
        /// The database file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The database refused a statement, or could not be reached.
    #[error("the job store's database reports: {0}")]
    Database(#[from] sqlx::Error),
    /// The database was written by a newer version of this program.
    #[error(
        "the job store has schema version {found}, but this program knows only {known}; use the newer program that wrote \
         it, or another data folder"
    )]
    TooNew {
        /// The version found in the database.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// A stored value is not what this program writes.
    #[error("the job store's {what} of {of} cannot be read ({reason})")]
    Unreadable {
        /// The column.
        what: &'static str,
        /// The job or row.
        of: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// A value could not be written as JSON.
    #[error("the {what} cannot be written as JSON ({source})")]
    Json {
        /// Which value.
        what: &'static str,
        /// What the JSON writer said.
        source: serde_json::Error,
    },
    /// A job with this id exists.
    #[error("a job with the id {0} exists already; submit it under another id")]
    JobExists(protocol::JobId),
    /// A key's name is empty, too long or holds control characters.
    #[error("the key's name must have 1 to {max} characters and no control characters", max = crate::keys::NAME_CHARS_MAX)]
    BadKeyName,
    /// A key of this name exists.
    #[error("a key named \"{0}\" exists already; choose another name or revoke that key first")]
    KeyExists(String),
}

/// Short for results of this crate.
pub(crate) type Result<T> = std::result::Result<T, StoreError>;
