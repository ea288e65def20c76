//! Which workers there are, for `/health`. Leases do not depend on this.

use crate::error::Result;
use crate::store::JobStore;

/// How long a worker counts as alive after it was last seen: as long as a lease, four of its reports.
pub const WORKER_SEEN_MS: i64 = 60_000;
/// How long a vanished worker is counted as unhealthy before it is forgotten.
pub(crate) const WORKER_FORGOTTEN_MS: i64 = 600_000;

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkerState {
    /// Its child process starts or loads weights.
    Initializing,
    /// It waits for a job.
    Idle,
    /// It works on a job.
    Running,
}

impl WorkerState {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initializing => "initializing",
            Self::Idle => "idle",
            Self::Running => "running",
        }
    }
}

impl JobStore {
    /// A worker begins: [`JobStore::heartbeat_worker`] with [`WorkerState::Initializing`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn register_worker(&self, worker: &str) -> Result<()> {
        self.heartbeat_worker(worker, WorkerState::Initializing).await
    }

    /// The worker is alive and in this state. To be called at each change and every 15 s.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn heartbeat_worker(&self, worker: &str, state: WorkerState) -> Result<()> {
        let upsert = self.sql(
            "INSERT INTO workers (id, state, seen_ms) VALUES ($2, $3, {now})
             ON CONFLICT (id) DO UPDATE SET state = EXCLUDED.state, seen_ms = EXCLUDED.seen_ms",
        );
        sqlx::query(upsert).bind(self.manual_now()).bind(worker).bind(state.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    /// The worker has stopped in good order. Workers that vanished long ago are forgotten with it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_worker(&self, worker: &str) -> Result<()> {
        sqlx::query(self.sql("DELETE FROM workers WHERE id = $2 OR seen_ms <= {now} - $3"))
            .bind(self.manual_now())
            .bind(worker)
            .bind(WORKER_FORGOTTEN_MS)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
