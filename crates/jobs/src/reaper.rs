//! What time does to jobs: leases fall silent, attempts take too long, jobs wait too long.
//!
//! Whether a worker is alive is not read from any clock of the day. The reaper keeps in memory for how long *it has
//! watched* a lease without a new beat, by a clock that never steps, and only a whole lease time of that ends the lease.
//! Time in which it saw nothing (the database did not answer, the machine slept) is no time in which a worker was silent.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use protocol::{Failure, FailureCode, JobId};
use sqlx::Row;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::json::parsed;
use crate::store::JobStore;
use crate::transition::{Aftermath, Ending, LOCK_COLUMNS, LockedJob};
use crate::write::Write;

/// How often a reaper looks. A client polls each second and a lease lasts a minute, so a few seconds later is soon enough.
pub const PERIOD: Duration = Duration::from_secs(5);
/// How long a lease may stay silent: four heartbeats of 15 s. A dead worker is noticed at most two periods later.
pub const LEASE: Duration = Duration::from_secs(60);
/// RunPod's phrase for an attempt that took too long.
pub const OVERRAN: &str = "executionTimeout exceeded";

/// Most jobs handled in one transaction, so that a mass death of workers does not block every other writer for long.
const BATCH: usize = 100;

/// What one [`Reaper::round`] did.
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

/// The watch over all running jobs. Any number of processes may have one.
#[derive(Debug)]
pub struct Reaper {
    period: Duration,
    lease: Duration,
    last_round: Option<Duration>,
    watched: HashMap<JobId, Watched>,
}

/// What the reaper has seen of one attempt.
#[derive(Debug, Clone, Copy)]
struct Watched {
    lease: i64,
    beats: i64,
    /// How long it was watched with this number of beats.
    silent: Duration,
    /// How long it was watched in all.
    running: Duration,
    timeout: Option<Duration>,
}

/// Why an attempt is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Silent,
    Overran,
}

impl Reaper {
    /// A reaper that is asked for a round every `period` and ends leases after `lease` of silence.
    pub fn new(period: Duration, lease: Duration) -> Self {
        Self { period, lease, last_round: None, watched: HashMap::new() }
    }

    /// Looks at all running jobs and ends what time has ended. `now` is any clock that never steps, counted from anywhere.
    ///
    /// The time since the last round counts as watched, but a round that comes later than two periods after it was held up
    /// itself, and counts as one period. A round that fails counts nothing.
    ///
    /// # Errors
    /// When the database fails; the next round goes on where this one stopped.
    pub async fn round(&mut self, store: &JobStore, now: Duration) -> Result<Reaped> {
        let gap = self.last_round.map_or(Duration::ZERO, |last| now.saturating_sub(last));
        self.last_round = Some(now);
        self.watch(store, if gap > 2 * self.period { self.period } else { gap }).await?;
        let mut reaped = Reaped::default();
        let condemned = self.condemned();
        for batch in condemned.chunks(BATCH) {
            store.end_attempts(batch, &mut reaped).await?;
        }
        while store.expire_batch(&mut reaped).await? == BATCH {}
        if reaped.total() > 0 {
            tracing::info!(?reaped, "jobs ended by time");
        }
        Ok(reaped)
    }

    /// Counts `watched_for` for every attempt that still runs, and forgets those that do not.
    async fn watch(&mut self, store: &JobStore, watched_for: Duration) -> Result<()> {
        let select = "SELECT id, lease, beats, execution_timeout_ms FROM jobs WHERE status = 'IN_PROGRESS'";
        let mut watched = HashMap::new();
        for row in sqlx::query(select).fetch_all(&store.pool).await? {
            let id: JobId = parsed(&row, "id", "?")?;
            let timeout_ms: Option<i64> = row.try_get("execution_timeout_ms")?;
            let seen = Watched {
                lease: row.try_get("lease")?,
                beats: row.try_get("beats")?,
                silent: Duration::ZERO,
                running: Duration::ZERO,
                timeout: timeout_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
            };
            let known = self.watched.get(&id).filter(|known| known.lease == seen.lease);
            watched.insert(id, known.map_or(seen, |known| known.seen_again(seen, watched_for)));
        }
        self.watched = watched;
        Ok(())
    }

    fn condemned(&self) -> Vec<(JobId, Watched, Verdict)> {
        let mut condemned = Vec::new();
        for (id, attempt) in &self.watched {
            // The supervisor ends an attempt in time by its own timer, and knows of a partial output; this is for one that
            // does not.
            let grace = 2 * self.period;
            if attempt.silent >= self.lease {
                condemned.push((id.clone(), *attempt, Verdict::Silent));
            } else if attempt.timeout.is_some_and(|timeout| attempt.running >= timeout.saturating_add(grace)) {
                condemned.push((id.clone(), *attempt, Verdict::Overran));
            }
        }
        condemned
    }
}

impl Watched {
    fn seen_again(&self, seen: Self, watched_for: Duration) -> Self {
        let silent = if seen.beats == self.beats { self.silent + watched_for } else { Duration::ZERO };
        Self { silent, running: self.running + watched_for, ..seen }
    }
}

/// Runs a [`Reaper`] until `shutdown`: a round every `period`. Every process that has the store runs one, a lone worker
/// too.
pub async fn run_reaper(store: JobStore, period: Duration, lease: Duration, shutdown: CancellationToken) {
    let mut reaper = Reaper::new(period, lease);
    let begin = Instant::now();
    while !shutdown.is_cancelled() {
        if let Err(error) = reaper.round(&store, begin.elapsed()).await {
            tracing::error!(%error, "the reaper could not do its round; it tries again");
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(period) => {}
        }
    }
}

impl JobStore {
    /// Ends the attempts that are still as they were watched.
    async fn end_attempts(&self, batch: &[(JobId, Watched, Verdict)], reaped: &mut Reaped) -> Result<()> {
        let mut write = self.begin().await?;
        for (id, watched, verdict) in batch {
            let select = format!(
                "SELECT {LOCK_COLUMNS}, worker FROM jobs
                 WHERE id = $1 AND status = 'IN_PROGRESS' AND lease = $2 {{skip_locked}}"
            );
            let row = sqlx::query(self.sql(&select))
                .bind(id.as_str())
                .bind(watched.lease)
                .fetch_optional(&mut *write.tx)
                .await?;
            let Some(row) = row else { continue };
            let job = LockedJob::read(&row)?;
            match verdict {
                Verdict::Silent if job.beats != watched.beats => {}
                Verdict::Silent => {
                    let worker: Option<&str> = row.try_get("worker")?;
                    self.lose_silent(&mut write, &job, worker.unwrap_or("?"), reaped).await?;
                }
                Verdict::Overran => {
                    let failure = Failure::new(FailureCode::ExecutionTimeout, OVERRAN);
                    self.end_job(&mut write, &job, Ending::Failed { failure: &failure, output: None }).await?;
                    reaped.overran += 1;
                }
            }
        }
        write.commit().await
    }

    async fn lose_silent(&self, write: &mut Write, job: &LockedJob, worker: &str, reaped: &mut Reaped) -> Result<()> {
        let cause = Failure::new(FailureCode::WorkerLost, format!("worker {worker} stopped reporting"));
        match self.lose_attempt(write, job, &cause).await? {
            Aftermath::Requeued => reaped.requeued += 1,
            Aftermath::SetAside => reaped.set_aside += 1,
        }
        Ok(())
    }

    /// Times out jobs that nobody has picked up within their ttl, the most overdue first.
    async fn expire_batch(&self, reaped: &mut Reaped) -> Result<usize> {
        let select = format!(
            "SELECT {LOCK_COLUMNS} FROM jobs WHERE expires_ms <= {{now}} AND status = 'IN_QUEUE'
             ORDER BY expires_ms LIMIT $2 {{skip_locked}}"
        );
        // Looking first keeps a round that finds nothing from taking the write lock.
        let any = sqlx::query(self.sql("SELECT 1 FROM jobs WHERE expires_ms <= {now} LIMIT 1"));
        if any.bind(self.manual_now()).fetch_optional(&self.pool).await?.is_none() {
            return Ok(0);
        }
        let mut write = self.begin().await?;
        let rows =
            sqlx::query(self.sql(&select)).bind(self.manual_now()).bind(BATCH as i64).fetch_all(&mut *write.tx).await?;
        let failure = Failure::new(FailureCode::TtlExpired, "the job waited longer than its ttl");
        for row in &rows {
            self.end_job(&mut write, &LockedJob::read(row)?, Ending::TimedOut { failure: &failure }).await?;
        }
        write.commit().await?;
        reaped.timed_out += rows.len() as u64;
        Ok(rows.len())
    }
}
