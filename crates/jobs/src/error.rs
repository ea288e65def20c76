//! Why the store could not do something.

use std::path::PathBuf;

/// An error of the job store. Its text may go to the log; clients get the status code and a general sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file of the store could not be made, opened or written.
    #[error("the job store's file {path} cannot be opened ({source}); its folder must exist and be writable", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The database refused a statement, or could not be reached.
    #[error("the job store's database reports: {0}")]
    Database(DatabaseError),
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
    /// The master key is not the one that the database was made with.
    #[error(
        "the master key is not the one that this job store was made with, so its secrets cannot be read; put the file \
         that belongs to it back in its place, or use another data folder"
    )]
    WrongMasterKey,
    /// The file does not hold a master key.
    #[error("{path} is no master key: it must have {expected} bytes, but has {found}; put the right file back in its place", path = path.display())]
    BadMasterKey {
        /// The file.
        path: PathBuf,
        /// Bytes of a key.
        expected: usize,
        /// Bytes in the file.
        found: usize,
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
    /// As many jobs wait as may.
    #[error("the queue of {endpoint} is full: {limit} jobs wait, as many as may; submit the job again later")]
    QueueFull {
        /// Whose queue.
        endpoint: String,
        /// Most jobs that may wait.
        limit: i64,
    },
    /// A key's name is empty, too long or holds control characters.
    #[error("the key's name must have 1 to {max} characters and no control characters", max = crate::keys::NAME_CHARS_MAX)]
    BadKeyName,
    /// A key without any scope would open nothing.
    #[error("the key \"{0}\" must have at least one scope")]
    NoScope(String),
    /// A key of this name exists.
    #[error("a key named \"{0}\" exists already; choose another name or revoke that key first")]
    KeyExists(String),
    /// The operating system gave no randomness.
    #[error("the operating system gives no random bytes ({0})")]
    Randomness(String),
}

/// What the database said, as far as it holds no value of any statement: a value may be a secret or a person's own.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct DatabaseError(String);

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(DatabaseError(match &error {
            sqlx::Error::Database(fault) => said_by(fault.as_ref()),
            sqlx::Error::ColumnDecode { index, .. } => format!("the column {index} holds another type of value"),
            sqlx::Error::Decode(_) | sqlx::Error::Encode(_) => "a value is of another type".into(),
            _ => error.to_string(),
        }))
    }
}

/// SQLite's messages name tables, columns and system calls only. Another database's may quote a value; of those, the code
/// and the constraint tell enough.
fn said_by(fault: &dyn sqlx::error::DatabaseError) -> String {
    let code = fault.code().unwrap_or_default();
    if fault.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        return format!("{} (code {code})", fault.message());
    }
    let constraint = fault.constraint().map(|name| format!(" of the constraint {name}")).unwrap_or_default();
    format!("code {code}{constraint}")
}

/// Short for results of this crate.
pub(crate) type Result<T> = std::result::Result<T, StoreError>;
