//! The tables, as a list of versions. A version that has been released is never changed; a new one is appended.

use sqlx::AnyConnection;

use crate::error::{Result, StoreError};
use crate::store::JobStore;

/// Version 1 is the first entry. Statements may use the tokens of the dialect.
const VERSIONS: &[&[&str]] = &[&[
    // `sequence` is the order of submission: a job that lost an attempt is older than all that were never claimed, so it
    // stands at the front of its priority by itself. `lease` counts the claims: it is the fencing number. Times are
    // milliseconds since 1970.
    "CREATE TABLE jobs (
        sequence {identity},
        id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        priority BIGINT NOT NULL,
        input TEXT NOT NULL,
        webhook TEXT,
        output TEXT,
        progress TEXT,
        error TEXT,
        created_ms BIGINT NOT NULL,
        expires_ms BIGINT,
        execution_timeout_ms BIGINT,
        started_ms BIGINT,
        done_ms BIGINT,
        attempts BIGINT NOT NULL DEFAULT 0,
        max_attempts BIGINT NOT NULL,
        worker TEXT,
        lease BIGINT NOT NULL DEFAULT 0,
        lease_until_ms BIGINT,
        execution_deadline_ms BIGINT,
        event_count BIGINT NOT NULL DEFAULT 0,
        events_taken BIGINT NOT NULL DEFAULT 0
    )",
    // The order of claims within the waiting jobs, so that a claim reads one row of a long queue; and the way to the jobs
    // of a state. (Beside a partial index for the queue, SQLite chose the other one and sorted the whole queue.)
    "CREATE INDEX jobs_queue ON jobs (status, priority DESC, sequence)",
    "CREATE TABLE events (
        job TEXT NOT NULL,
        seq BIGINT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (job, seq)
    )",
    // `tries` counts the sendings and is the fencing number of a delivery.
    "CREATE TABLE outbox (
        id {identity},
        job TEXT NOT NULL,
        url TEXT NOT NULL,
        tries BIGINT NOT NULL DEFAULT 0,
        created_ms BIGINT NOT NULL,
        next_ms BIGINT NOT NULL
    )",
    "CREATE INDEX outbox_due ON outbox (next_ms)",
    "CREATE TABLE workers (id TEXT PRIMARY KEY, state TEXT NOT NULL, seen_ms BIGINT NOT NULL)",
    "CREATE TABLE api_keys (hash TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_ms BIGINT NOT NULL)",
]];

impl JobStore {
    /// Brings the tables to the newest version, in one transaction.
    pub(crate) async fn migrate(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        let found = schema_version(&mut tx).await?;
        let known = VERSIONS.len() as i64;
        if found > known {
            return Err(StoreError::TooNew { found, known });
        }
        for (version, statements) in (1..).zip(VERSIONS).skip_while(|(version, _)| *version <= found) {
            for statement in *statements {
                sqlx::raw_sql(self.sql(statement)).execute(&mut *tx).await?;
            }
            sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
                .bind::<i64>(version)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

async fn schema_version(connection: &mut AnyConnection) -> Result<i64> {
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)")
        .execute(&mut *connection)
        .await?;
    let version = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM schema_version");
    Ok(version.fetch_one(connection).await?)
}
