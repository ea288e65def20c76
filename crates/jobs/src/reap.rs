//! What time does to jobs: leases run out, attempts take too long, jobs wait too long.

use sqlx::Row;

use crate::error::Result;
use crate::store::JobStore;
use crate::transition::{Aftermath, Ending, LOCK_COLUMNS, LockedJob};

/// Most jobs handled in one transaction, so that a mass death of workers does not block every other writer for long.
const BATCH: i64 = 100;

/// What one [`JobStore::reap`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reaped {
    /// Lost attempts whose job went back to the queue.
    pub requeued: u64,
    /// Lost attempts whose job had no attempt left: FAILED.
    pub set_aside: u64,
    /// Attempts that took longer than their execution timeout: FAILED.
    pub overran: u64,
    /// Jobs that waited longer than their ttl: TIMED_OUT.
    pub timed_out: u64,
}

impl Reaped {
    /// Jobs concerned in all.
    pub fn total(&self) -> u64 {
        self.requeued + self.set_aside + self.overran + self.timed_out
    }
}

impl JobStore {
    /// Ends what time has ended. To be called every few seconds, by any number of processes.
    ///
    /// # Errors
    /// When the database fails; the next call goes on where this one stopped.
    pub async fn reap(&self) -> Result<Reaped> {
        let mut reaped = Reaped::default();
        while self.reap_batch(&mut reaped).await? == BATCH as usize {}
        if reaped.total() > 0 {
            tracing::info!(?reaped, "jobs ended by time");
            self.announce_change();
        }
        Ok(reaped)
    }

    async fn reap_batch(&self, reaped: &mut Reaped) -> Result<usize> {
        let mut tx = self.begin().await?;
        // A worker that vanished before its attempt's deadline is a lost worker, however late that is noticed.
        let select = format!(
            "SELECT {LOCK_COLUMNS}, worker,
                 CASE WHEN status = 'IN_QUEUE' THEN 'ttl'
                      WHEN lease_until_ms <= COALESCE(execution_deadline_ms, {{now}}) AND lease_until_ms <= {{now}}
                          THEN 'lease'
                      ELSE 'deadline' END AS cause
             FROM jobs
             WHERE (status = 'IN_QUEUE' AND expires_ms <= {{now}})
                OR (status = 'IN_PROGRESS' AND (lease_until_ms <= {{now}} OR execution_deadline_ms <= {{now}}))
             ORDER BY sequence LIMIT $2 {{skip_locked}}"
        );
        let rows = sqlx::query(self.sql(&select)).bind(self.manual_now()).bind(BATCH).fetch_all(&mut *tx).await?;
        for row in &rows {
            let job = LockedJob::read(row)?;
            match row.try_get("cause")? {
                "ttl" => {
                    self.end_job(&mut tx, &job, Ending::TimedOut).await?;
                    reaped.timed_out += 1;
                }
                "lease" => {
                    let worker: Option<&str> = row.try_get("worker")?;
                    let message = format!("worker {} stopped reporting", worker.unwrap_or("?"));
                    match self.lose_attempt(&mut tx, &job, &message, None).await? {
                        Aftermath::Requeued => reaped.requeued += 1,
                        Aftermath::SetAside => reaped.set_aside += 1,
                    }
                }
                _ => {
                    self.end_job(&mut tx, &job, Ending::Failed("executionTimeout exceeded")).await?;
                    reaped.overran += 1;
                }
            }
        }
        tx.commit().await?;
        Ok(rows.len())
    }
}
