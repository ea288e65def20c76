//! What running jobs report: a ring of events per job, numbered from 1, and the newest one as the job's progress; and the
//! output as far as there is one.

use protocol::{JobId, JobStatus};
use serde::Serialize;
use serde_json::Value;
use sqlx::{AnyConnection, Row};

use crate::error::Result;
use crate::json::{from_json, parsed, to_json};
use crate::lease::{Lease, LeaseState};
use crate::store::JobStore;

/// Events kept of a job; older ones are dropped. At one a second, the last quarter of an hour: enough for a reader that
/// was away, and about 150 kB a job.
pub const EVENTS_KEPT: i64 = 1_000;

/// What [`JobStore::take_events`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct TakenEvents {
    /// The job's state at the moment of taking.
    pub status: JobStatus,
    /// Events that nobody had taken, oldest first.
    pub events: Vec<Value>,
}

impl JobStore {
    /// Records what the attempt under `lease` reports. The caller keeps it to about one a second per job.
    ///
    /// # Errors
    /// When the database fails; the event is then not recorded, and the attempt goes on.
    pub async fn record_event(&self, lease: &Lease, event: &Value) -> Result<LeaseState> {
        let mut write = self.begin().await?;
        if let Err(lost) = self.lock_leased(&mut write.tx, lease).await? {
            return Ok(LeaseState::Lost(lost));
        }
        let body = self.append_event(&mut write.tx, &lease.job, event).await?;
        sqlx::query("UPDATE job_bodies SET progress = $1 WHERE job = $2")
            .bind(body)
            .bind(lease.job.as_str())
            .execute(&mut *write.tx)
            .await?;
        write.commit().await?;
        Ok(LeaseState::Held)
    }

    /// Records the output as far as the attempt under `lease` has one, in place of what was recorded before. It stands
    /// beside the failure if the attempt's job fails, and goes with the attempt if that is lost.
    ///
    /// # Errors
    /// When the database fails; the output is then not recorded, and the attempt goes on.
    pub async fn record_output(&self, lease: &Lease, output: &Value) -> Result<LeaseState> {
        let output = to_json("output", output)?;
        let mut write = self.begin().await?;
        if let Err(lost) = self.lock_leased(&mut write.tx, lease).await? {
            return Ok(LeaseState::Lost(lost));
        }
        sqlx::query("UPDATE job_bodies SET output = $1 WHERE job = $2")
            .bind(output)
            .bind(lease.job.as_str())
            .execute(&mut *write.tx)
            .await?;
        write.commit().await?;
        Ok(LeaseState::Held)
    }

    /// The job's events with a number above `after_seq` (0: all that are kept), oldest first. An unknown job has none.
    ///
    /// # Errors
    /// When the database fails or a stored event cannot be read.
    pub async fn events(&self, id: &JobId, after_seq: i64) -> Result<Vec<(i64, Value)>> {
        let mut connection = self.pool.acquire().await?;
        self.events_after(&mut connection, id, after_seq).await
    }

    /// The events that no call before has taken, at most the ring's worth: for readers that cannot say where they
    /// stopped, as RunPod's `/stream`. `None` when there is no such job.
    ///
    /// # Errors
    /// When the database fails or a stored event cannot be read; nothing is taken then.
    pub async fn take_events(&self, id: &JobId) -> Result<Option<TakenEvents>> {
        // Looking first keeps a poller that finds nothing from taking the write lock.
        let Some((status, count, taken)) = self.event_numbers(id).await? else { return Ok(None) };
        if count == taken {
            return Ok(Some(TakenEvents { status, events: Vec::new() }));
        }
        let mut write = self.begin().await?;
        let Some(job) = self.lock_job(&mut write.tx, id).await? else { return Ok(None) };
        let taken: i64 = sqlx::query_scalar("SELECT events_taken FROM jobs WHERE id = $1")
            .bind(id.as_str())
            .fetch_one(&mut *write.tx)
            .await?;
        let events = self.events_after(&mut write.tx, id, taken).await?;
        sqlx::query("UPDATE jobs SET events_taken = event_count WHERE id = $1")
            .bind(id.as_str())
            .execute(&mut *write.tx)
            .await?;
        write.commit().await?;
        Ok(Some(TakenEvents { status: job.status, events: events.into_iter().map(|(_, event)| event).collect() }))
    }

    async fn event_numbers(&self, id: &JobId) -> Result<Option<(JobStatus, i64, i64)>> {
        let select = sqlx::query("SELECT status, event_count, events_taken FROM jobs WHERE id = $1").bind(id.as_str());
        let Some(row) = select.fetch_optional(&self.pool).await? else { return Ok(None) };
        Ok(Some((parsed(&row, "status", id.as_str())?, row.try_get("event_count")?, row.try_get("events_taken")?)))
    }

    async fn events_after(
        &self,
        connection: &mut AnyConnection,
        id: &JobId,
        after_seq: i64,
    ) -> Result<Vec<(i64, Value)>> {
        let select = sqlx::query("SELECT seq, body FROM events WHERE job = $1 AND seq > $2 ORDER BY seq");
        let rows = select.bind(id.as_str()).bind(after_seq).fetch_all(connection).await?;
        let read =
            |row: &sqlx::any::AnyRow| Ok((row.try_get("seq")?, from_json("event", id.as_str(), row.try_get("body")?)?));
        rows.iter().map(read).collect()
    }

    /// Appends an event to the ring of a job whose row this transaction holds, and gives its JSON.
    pub(crate) async fn append_event(
        &self,
        tx: &mut AnyConnection,
        id: &JobId,
        event: &impl Serialize,
    ) -> Result<String> {
        let body = to_json("event", event)?;
        // The ring's number is kept on the job's row: the row's lock keeps two writers from taking the same one.
        let seq: i64 =
            sqlx::query_scalar("UPDATE jobs SET event_count = event_count + 1 WHERE id = $1 RETURNING event_count")
                .bind(id.as_str())
                .fetch_one(&mut *tx)
                .await?;
        sqlx::query("INSERT INTO events (job, seq, body) VALUES ($1, $2, $3)")
            .bind(id.as_str())
            .bind(seq)
            .bind(body.as_str())
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM events WHERE job = $1 AND seq <= $2")
            .bind(id.as_str())
            .bind(seq - EVENTS_KEPT)
            .execute(tx)
            .await?;
        Ok(body)
    }
}
