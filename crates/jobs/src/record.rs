//! Reading jobs.

use protocol::{JobId, JobRecord, JobStatus};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::error::Result;
use crate::json::{from_json, optional_json, parsed};
use crate::store::JobStore;

/// The columns that [`job_record`] reads, of `jobs` joined with `job_bodies`, but for the request.
const OUTLINE: &str = "jobs.id, endpoint, owner, status, output, progress, failure, created_ms, started_ms, done_ms, \
                       attempts, worker";

impl JobStore {
    /// The job, or `None` when there is none of this id.
    ///
    /// # Errors
    /// When the database fails or the stored job cannot be read.
    pub async fn get(&self, id: &JobId) -> Result<Option<JobRecord>> {
        let mut connection = self.pool.acquire().await?;
        self.read_job(&mut connection, id).await
    }

    /// The job with `null` in place of its request: for who asks often and shows the request to nobody.
    ///
    /// # Errors
    /// When the database fails or the stored job cannot be read.
    pub async fn outline(&self, id: &JobId) -> Result<Option<JobRecord>> {
        let select = format!("SELECT {OUTLINE} FROM jobs JOIN job_bodies ON job = jobs.id WHERE jobs.id = $1");
        let row = sqlx::query(self.sql(&select)).bind(id.as_str()).fetch_optional(&self.pool).await?;
        row.as_ref().map(|row| job_record(row, Value::Null)).transpose()
    }

    /// The job's state alone, or `None` when there is none of this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn status(&self, id: &JobId) -> Result<Option<JobStatus>> {
        let select = sqlx::query("SELECT status FROM jobs WHERE id = $1").bind(id.as_str());
        let row = select.fetch_optional(&self.pool).await?;
        row.as_ref().map(|row| parsed(row, "status", id.as_str())).transpose()
    }

    /// Outlines (as [`JobStore::outline`]) of an endpoint's jobs from the newest to the oldest, those of one state when
    /// `status` is given.
    ///
    /// # Errors
    /// When the database fails or a stored job cannot be read.
    pub async fn list(
        &self,
        endpoint: &str,
        status: Option<JobStatus>,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<JobRecord>> {
        // Without a state the statement has no condition on it, so that each form has its index.
        let condition = if status.is_some() { "endpoint = $1 AND status = $2" } else { "endpoint = $1" };
        let select = format!(
            "SELECT {OUTLINE} FROM jobs JOIN job_bodies ON job = jobs.id WHERE {condition}
             ORDER BY sequence DESC LIMIT $3 OFFSET $4"
        );
        let rows = sqlx::query(self.sql(&select))
            .bind(endpoint)
            .bind(status.map(JobStatus::as_str))
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| job_record(row, Value::Null)).collect()
    }

    /// The whole job, or `None` when there is none of this id.
    pub(crate) async fn read_job(&self, connection: &mut AnyConnection, id: &JobId) -> Result<Option<JobRecord>> {
        let select = format!("SELECT {OUTLINE}, request FROM jobs JOIN job_bodies ON job = jobs.id WHERE jobs.id = $1");
        let row = sqlx::query(self.sql(&select)).bind(id.as_str()).fetch_optional(connection).await?;
        let Some(row) = row else { return Ok(None) };
        let request = from_json("request", id.as_str(), row.try_get("request")?)?;
        job_record(&row, request).map(Some)
    }
}

/// Reads a row of [`OUTLINE`].
fn job_record(row: &AnyRow, request: Value) -> Result<JobRecord> {
    let id: JobId = parsed(row, "id", "?")?;
    let of = id.as_str();
    Ok(JobRecord {
        endpoint: row.try_get("endpoint")?,
        owner: row.try_get("owner")?,
        status: parsed(row, "status", of)?,
        request,
        output: optional_json(row, "output", of)?,
        progress: optional_json(row, "progress", of)?,
        failure: optional_json(row, "failure", of)?,
        created_ms: row.try_get("created_ms")?,
        started_ms: row.try_get("started_ms")?,
        done_ms: row.try_get("done_ms")?,
        attempts: row.try_get("attempts")?,
        worker: row.try_get("worker")?,
        id,
    })
}
