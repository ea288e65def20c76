//! Opening the database, its clock, and the hint that something changed.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection, Executor, Transaction};
use tokio::sync::Notify;

use crate::dialect::{Dialect, SQLITE};
use crate::error::{Result, StoreError};

/// Connections to the database: one writer at a time is SQLite's rule, the others read meanwhile.
const CONNECTIONS_MAX: u32 = 4;
/// Longest wait for a free connection; as long as a connection waits for SQLite's write lock.
const CONNECTION_WAIT: Duration = Duration::from_secs(30);
/// How often and how far apart opening is tried again while another process makes the same new file: switching a file
/// to WAL does not wait for locks by itself.
const OPEN_TRIES: u32 = 100;
const OPEN_PAUSE: Duration = Duration::from_millis(20);

/// Where leases, timeouts and delivery times come from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The database's own clock, the one clock that all hosts share.
    Database,
    /// Milliseconds since 1970, set by hand: for tests.
    Manual(Arc<AtomicI64>),
}

/// The store. Clones share one pool of connections.
#[derive(Clone)]
pub struct JobStore {
    pub(crate) pool: AnyPool,
    dialect: &'static Dialect,
    clock: Clock,
    changed: Arc<Notify>,
    pub(crate) webhook_on_cancel: bool,
}

impl std::fmt::Debug for JobStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobStore").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl JobStore {
    /// Opens the SQLite file at `path`, making it (readable for its owner alone) and its tables when they are missing.
    /// The file must lie on a local disk: SQLite's locks do not hold on network shares.
    ///
    /// # Errors
    /// When the file cannot be made or opened, is no database, or was written by a newer version.
    pub async fn open(path: &Path, clock: Clock) -> Result<Self> {
        let path = make_private(path).map_err(|source| StoreError::File { path: path.into(), source })?;
        sqlx::any::install_default_drivers();
        let options = AnyConnectOptions::from_str(&sqlite_url(&path))?.disable_statement_logging();
        prepare_file(&options, &SQLITE).await?;
        let pool = connect_pool(options, &SQLITE).await?;
        let store = Self { pool, dialect: &SQLITE, clock, changed: Arc::default(), webhook_on_cancel: false };
        store.migrate().await?;
        Ok(store)
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

    pub(crate) fn announce_change(&self) {
        self.changed.notify_waiters();
    }

    /// The store's time in milliseconds since 1970.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn now_ms(&self) -> Result<i64> {
        let now = sqlx::query_scalar(self.sql("SELECT {now}")).bind(self.manual_now());
        Ok(now.fetch_one(&self.pool).await?)
    }

    /// Closes the connections; later calls fail. Not needed for durability.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A statement with the database's own words in place of the template's tokens. Templates are constants of this
    /// crate; values are always bound.
    pub(crate) fn sql(&self, template: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.dialect.spell(template))
    }

    /// The value of `$1` in every statement that uses `{now}`.
    pub(crate) fn manual_now(&self) -> Option<i64> {
        match &self.clock {
            Clock::Database => None,
            Clock::Manual(now) => Some(now.load(Ordering::SeqCst)),
        }
    }

    /// Begins a transaction that may write. Dropping it undoes it.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>> {
        Ok(self.pool.begin_with(self.dialect.begin).await?)
    }
}

/// Connects once without the pool, which would answer a file that is no database by trying again until its time is up.
async fn prepare_file(options: &AnyConnectOptions, dialect: &Dialect) -> Result<()> {
    let mut connection = AnyConnection::connect_with(options).await?;
    let mut tries = 0;
    while let Err(error) = set_up(&mut connection, dialect).await {
        tries += 1;
        if tries == OPEN_TRIES || !is_locked(&error) {
            return Err(error.into());
        }
        tokio::time::sleep(OPEN_PAUSE).await;
    }
    connection.close().await?;
    Ok(())
}

async fn connect_pool(options: AnyConnectOptions, dialect: &'static Dialect) -> Result<AnyPool> {
    let pool = AnyPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(CONNECTION_WAIT)
        .after_connect(move |connection: &mut AnyConnection, _| Box::pin(set_up(connection, dialect)));
    Ok(pool.connect_with(options).await?)
}

async fn set_up(connection: &mut AnyConnection, dialect: &Dialect) -> std::result::Result<(), sqlx::Error> {
    for statement in dialect.on_connect {
        connection.execute(sqlx::raw_sql(*statement)).await?;
    }
    Ok(())
}

/// The file's URL. Everything but letters, digits and a few marks is percent-encoded, so any path is taken as it is.
fn sqlite_url(path: &Path) -> String {
    let mut url = String::from("sqlite://");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => url.push(char::from(*byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

fn is_locked(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.message().contains("locked"))
}

/// Makes the file if it is missing, readable for its owner alone: inputs may hold tokens. SQLite gives its side files
/// (`-wal`, `-shm`) the same mode. Gives the absolute path.
fn make_private(path: &Path) -> std::io::Result<PathBuf> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o077 != 0 {
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    path.canonicalize()
}
