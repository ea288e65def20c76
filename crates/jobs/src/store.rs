//! The store's handle: its pool of connections, its clock, and the hint that something changed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlx::{AnyPool, AssertSqlSafe};
use tokio::sync::Notify;

use crate::connect::{Source, make_private};
use crate::dialect::{Dialect, SQLITE};
use crate::error::{Result, StoreError};
use crate::seal::MasterKey;

/// Connections to the database: one writer at a time is SQLite's rule, the others read meanwhile.
const CONNECTIONS_MAX: u32 = 4;

/// Where times that people see come from, and when something is due. Leases and execution timeouts use no clock of this
/// kind: see [`crate::Reaper`].
#[derive(Debug, Clone)]
pub enum Clock {
    /// The database's own clock, the one clock that all hosts share.
    Database,
    /// Milliseconds since 1970, set by hand: for tests.
    Manual(Arc<AtomicI64>),
}

/// The store. Clones share one pool of connections, which belongs to the runtime that opened it; another runtime opens its
/// own by [`JobStore::separate`].
#[derive(Clone)]
pub struct JobStore {
    pub(crate) pool: AnyPool,
    source: Source,
    clock: Clock,
    pub(crate) master_key: MasterKey,
    pub(crate) changed: Arc<Notify>,
    pub(crate) webhook_on_cancel: bool,
}

impl std::fmt::Debug for JobStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobStore").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl JobStore {
    /// Opens the SQLite file at `path`, making it (readable for its owner alone) and its tables when they are missing.
    /// The file must lie on a local disk: SQLite's locks do not hold on network shares. `master_key` seals the secrets;
    /// a store is opened with the key it was made with.
    ///
    /// # Errors
    /// When the file cannot be made or opened, is no database, or was written by a newer version or with another key.
    pub async fn open(path: &Path, clock: Clock, master_key: MasterKey) -> Result<Self> {
        let path = make_private(path).map_err(|source| StoreError::File { path: path.into(), source })?;
        let source = Source::sqlite(&path, &SQLITE)?;
        source.prepare().await?;
        let pool = source.connect(CONNECTIONS_MAX).await?;
        let store = Self { pool, source, clock, master_key, changed: Arc::default(), webhook_on_cancel: false };
        store.migrate().await?;
        Ok(store)
    }

    /// The same store through connections of its own, for the runtime that calls this. So a heartbeat's one connection
    /// never waits for those that answer clients, and no connection is driven by a runtime that may stop.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn separate(&self, connections: u32) -> Result<Self> {
        let pool = self.source.connect(connections.max(1)).await?;
        Ok(Self { pool, ..self.clone() })
    }

    /// Whether a cancelled job with a webhook is reported too. RunPod names only the other ends, so the default is no.
    #[must_use]
    pub fn with_webhook_on_cancel(mut self, report: bool) -> Self {
        self.webhook_on_cancel = report;
        self
    }

    /// Waits until something changes through this process: a job queued, claimed, reported on or ended. A hint that
    /// saves waiting for the next poll; other processes' changes are only seen by polling.
    ///
    /// It counts from the call, not from the first poll of the future: call it, look into the store, then await it, and
    /// no change is missed.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + '_ {
        self.changed.notified()
    }

    /// The store's time in milliseconds since 1970.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn now_ms(&self) -> Result<i64> {
        let now = sqlx::query_scalar(self.sql("SELECT {now}")).bind(self.manual_now());
        Ok(now.fetch_one(&self.pool).await?)
    }

    /// Reads one small row: whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT version FROM schema_version LIMIT 1").fetch_one(&self.pool).await?;
        Ok(())
    }

    /// Closes the connections; later calls fail. Not needed for durability.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A statement with the database's own words in place of the template's tokens. Templates are constants of this
    /// crate; values are always bound.
    pub(crate) fn sql(&self, template: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.source.dialect.spell(template))
    }

    pub(crate) fn dialect(&self) -> &'static Dialect {
        self.source.dialect
    }

    /// The value of `$1` in every statement that uses `{now}`.
    pub(crate) fn manual_now(&self) -> Option<i64> {
        match &self.clock {
            Clock::Database => None,
            Clock::Manual(now) => Some(now.load(Ordering::SeqCst)),
        }
    }
}
