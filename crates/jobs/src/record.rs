//! Reading jobs.

use std::fmt::Display;
use std::str::FromStr;

use protocol::{JobId, JobRecord, JobStatus};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::error::{Result, StoreError};
use crate::store::JobStore;

/// The columns that [`job_record`] reads.
pub(crate) const JOB_COLUMNS: &str = "id, status, input, webhook, output, progress, error, created_ms, started_ms, \
                                      done_ms, attempts, worker";

impl JobStore {
    /// The job, or `None` when there is none of this id.
    ///
    /// # Errors
    /// When the database fails or the stored job cannot be read.
    pub async fn get(&self, id: &JobId) -> Result<Option<JobRecord>> {
        let select = format!("SELECT {JOB_COLUMNS} FROM jobs WHERE id = $1");
        let row = sqlx::query(self.sql(&select)).bind(id.as_str()).fetch_optional(&self.pool).await?;
        row.as_ref().map(job_record).transpose()
    }

    /// Jobs from the newest to the oldest, those of one state when `status` is given.
    ///
    /// # Errors
    /// When the database fails or a stored job cannot be read.
    pub async fn list(&self, status: Option<JobStatus>, limit: u32, offset: u32) -> Result<Vec<JobRecord>> {
        let select = format!(
            "SELECT {JOB_COLUMNS} FROM jobs WHERE CAST($1 AS TEXT) IS NULL OR status = $1
             ORDER BY sequence DESC LIMIT $2 OFFSET $3"
        );
        let rows = sqlx::query(self.sql(&select))
            .bind(status.map(JobStatus::as_str))
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(job_record).collect()
    }
}

/// Reads a row of [`JOB_COLUMNS`].
pub(crate) fn job_record(row: &AnyRow) -> Result<JobRecord> {
    let id: JobId = parsed(row, "id", "?")?;
    let of = id.as_str();
    Ok(JobRecord {
        status: parsed(row, "status", of)?,
        input: from_json("input", of, row.try_get("input")?)?,
        webhook: row.try_get("webhook")?,
        output: optional_json(row, "output", of)?,
        progress: optional_json(row, "progress", of)?,
        error: row.try_get("error")?,
        created_ms: row.try_get("created_ms")?,
        started_ms: row.try_get("started_ms")?,
        done_ms: row.try_get("done_ms")?,
        attempts: row.try_get("attempts")?,
        worker: row.try_get("worker")?,
        id,
    })
}

/// Reads a text column through `FromStr`.
pub(crate) fn parsed<T: FromStr<Err: Display>>(row: &AnyRow, what: &'static str, of: &str) -> Result<T> {
    let text: String = row.try_get(what)?;
    text.parse().map_err(|reason: T::Err| StoreError::Unreadable { what, of: of.into(), reason: reason.to_string() })
}

fn optional_json<T: DeserializeOwned>(row: &AnyRow, what: &'static str, of: &str) -> Result<Option<T>> {
    let text: Option<&str> = row.try_get(what)?;
    text.map(|text| from_json(what, of, text)).transpose()
}

/// Reads stored JSON. The error names the place, never the text: it may hold a token.
pub(crate) fn from_json<T: DeserializeOwned>(what: &'static str, of: &str, text: &str) -> Result<T> {
    let unreadable = |error: serde_json::Error| StoreError::Unreadable {
        what,
        of: of.into(),
        reason: format!("no such JSON at line {} column {}", error.line(), error.column()),
    };
    serde_json::from_str(text).map_err(unreadable)
}

/// Writes JSON to store.
pub(crate) fn to_json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|source| StoreError::Json { what, source })
}
