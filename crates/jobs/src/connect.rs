//! Connections to the database, and how each of them is set up.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor};

use crate::dialect::Dialect;
use crate::error::Result;
use crate::store::JobStore;

/// Longest wait for a free connection; as long as a connection waits for SQLite's write lock.
const CONNECTION_WAIT: Duration = Duration::from_secs(30);
/// How often and how far apart opening is tried again while another process makes the same new file: switching a file
/// to WAL does not wait for locks by itself.
const OPEN_TRIES: u32 = 100;
const OPEN_PAUSE: Duration = Duration::from_millis(20);

/// Where the database is, and what it is: enough to connect once more.
#[derive(Clone)]
pub(crate) struct Source {
    options: AnyConnectOptions,
    pub(crate) dialect: &'static Dialect,
}

/// What SQLite says of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pragmas {
    /// `wal`.
    pub journal_mode: String,
    /// 2 is FULL: a commit returns after its fsync.
    pub synchronous: i64,
    /// Milliseconds that a writer waits for another.
    pub busy_timeout: i64,
    /// 1 when references are enforced.
    pub foreign_keys: i64,
    /// 1 when what is deleted is overwritten.
    pub secure_delete: i64,
}

impl Source {
    /// The SQLite file at an absolute path.
    pub(crate) fn sqlite(path: &Path, dialect: &'static Dialect) -> Result<Self> {
        sqlx::any::install_default_drivers();
        Ok(Self { options: AnyConnectOptions::from_str(&sqlite_url(path))?.disable_statement_logging(), dialect })
    }

    /// Connects once without a pool, which would answer a file that is no database by trying again until its time is up.
    pub(crate) async fn prepare(&self) -> Result<()> {
        let mut connection = AnyConnection::connect_with(&self.options).await?;
        let mut tries = 0;
        while let Err(error) = set_up(&mut connection, self.dialect).await {
            tries += 1;
            if tries == OPEN_TRIES || !is_locked(&error) {
                return Err(error.into());
            }
            tokio::time::sleep(OPEN_PAUSE).await;
        }
        connection.close().await?;
        Ok(())
    }

    /// A pool of at most so many connections, tied to the runtime that calls this.
    pub(crate) async fn connect(&self, connections: u32) -> Result<AnyPool> {
        let dialect = self.dialect;
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(CONNECTION_WAIT)
            .after_connect(move |connection: &mut AnyConnection, _| Box::pin(set_up(connection, dialect)));
        Ok(pool.connect_with(self.options.clone()).await?)
    }
}

impl JobStore {
    /// The settings of every connection of the pool, each asked for itself. Waits until all are free.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pragmas(&self) -> Result<Vec<Pragmas>> {
        let mut held = Vec::new();
        for _ in 0..self.pool.options().get_max_connections() {
            held.push(self.pool.acquire().await?);
        }
        let mut found = Vec::new();
        for connection in &mut held {
            found.push(Pragmas {
                journal_mode: sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut **connection).await?,
                synchronous: sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut **connection).await?,
                busy_timeout: sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&mut **connection).await?,
                foreign_keys: sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut **connection).await?,
                secure_delete: sqlx::query_scalar("PRAGMA secure_delete").fetch_one(&mut **connection).await?,
            });
        }
        Ok(found)
    }
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

/// Makes the file if it is missing, readable for its owner alone. SQLite gives its side files (`-wal`, `-shm`) the same
/// mode. Gives the absolute path.
pub(crate) fn make_private(path: &Path) -> std::io::Result<PathBuf> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    close_to_others(&file)?;
    path.canonicalize()
}

/// Takes the rights of everybody but the owner from a file that has them.
pub(crate) fn close_to_others(file: &std::fs::File) -> std::io::Result<()> {
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o077 != 0 {
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    Ok(())
}
