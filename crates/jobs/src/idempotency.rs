//! The same request sent twice is one job: a client that saw no answer may send it again under the same key.

use protocol::JobId;
use sqlx::Row;

use crate::error::Result;
use crate::json::parsed;
use crate::store::JobStore;
use crate::submit::NewJob;
use crate::write::Write;

/// How long a key is remembered, at most as long as its job: a day, longer than any client tries again.
pub const IDEMPOTENCY_MS: i64 = 86_400_000;

/// A client's name for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// What the client chose. It counts within one owner and endpoint.
    pub key: String,
    /// SHA-256 of the request's body, as 64 hexadecimal digits: the same key with another body is a mistake.
    pub body_sha256: String,
}

/// What the store knows of a key.
pub(crate) enum Known {
    /// Nothing, or what it knew was too old: the key is the new job's now.
    New,
    /// This job has the key, and was sent with the same body.
    Same(JobId),
    /// Another body was sent under the key.
    Other,
}

impl JobStore {
    /// Looks the new job's key up. The row is written by [`JobStore::remember_key`], once the job is there.
    pub(crate) async fn look_up_key(&self, write: &mut Write, job: &NewJob, key: &Idempotency) -> Result<Known> {
        let select = self.sql(
            "SELECT job, body_sha256 FROM idempotency
             WHERE endpoint = $2 AND owner = $3 AND key = $4 AND created_ms > {now} - $5",
        );
        let row = sqlx::query(select)
            .bind(self.manual_now())
            .bind(job.endpoint.as_str())
            .bind(job.owner.as_deref().unwrap_or_default())
            .bind(key.key.as_str())
            .bind(IDEMPOTENCY_MS)
            .fetch_optional(&mut *write.tx)
            .await?;
        let Some(row) = row else { return Ok(Known::New) };
        let body: String = row.try_get("body_sha256")?;
        if body != key.body_sha256 {
            return Ok(Known::Other);
        }
        Ok(Known::Same(parsed(&row, "job", "idempotency key")?))
    }

    pub(crate) async fn remember_key(&self, write: &mut Write, job: &NewJob, key: &Idempotency) -> Result<()> {
        let upsert = self.sql(
            "INSERT INTO idempotency (endpoint, owner, key, body_sha256, job, created_ms)
             VALUES ($2, $3, $4, $5, $6, {now})
             ON CONFLICT (endpoint, owner, key) DO UPDATE
             SET body_sha256 = EXCLUDED.body_sha256, job = EXCLUDED.job, created_ms = EXCLUDED.created_ms",
        );
        sqlx::query(upsert)
            .bind(self.manual_now())
            .bind(job.endpoint.as_str())
            .bind(job.owner.as_deref().unwrap_or_default())
            .bind(key.key.as_str())
            .bind(key.body_sha256.as_str())
            .bind(job.id.as_str())
            .execute(&mut *write.tx)
            .await?;
        Ok(())
    }
}
