//! The tables, as a list of versions. A version that has been released is never changed; a new one is appended.

use sqlx::AnyConnection;

use crate::error::{Result, StoreError};
use crate::store::JobStore;

/// Version 1 is the first entry. Statements may use the tokens of the dialect. Times are milliseconds since 1970.
const VERSIONS: &[&[&str]] = &[&[
    // A narrow row: all that claims, reapers and counts touch. `sequence` is the order of submission: a job that lost an
    // attempt is older than all that were never claimed, so it stands at the front of its lane by itself. `lease` counts
    // the claims: it is the fencing number. `beats` counts the heartbeats of that lease. `expires_ms` ends a job that was
    // never picked up, and is null once it was. `forget_ms` stands on an ended job with a retention of its own.
    "CREATE TABLE jobs (
        sequence {identity},
        id TEXT NOT NULL UNIQUE,
        endpoint TEXT NOT NULL,
        owner TEXT,
        status TEXT NOT NULL,
        lane BIGINT NOT NULL,
        created_ms BIGINT NOT NULL,
        expires_ms BIGINT,
        execution_timeout_ms BIGINT,
        retention_ms BIGINT,
        started_ms BIGINT,
        done_ms BIGINT,
        forget_ms BIGINT,
        swept BIGINT NOT NULL DEFAULT 0,
        attempts BIGINT NOT NULL DEFAULT 0,
        max_attempts BIGINT NOT NULL,
        worker TEXT,
        worker_name TEXT,
        lease BIGINT NOT NULL DEFAULT 0,
        beats BIGINT NOT NULL DEFAULT 0,
        event_count BIGINT NOT NULL DEFAULT 0,
        events_taken BIGINT NOT NULL DEFAULT 0
    )",
    // The order of claims within the waiting jobs, so that a claim reads one row of a long queue. (Beside a partial index
    // for the queue, SQLite chose the other one and sorted the whole queue.)
    "CREATE INDEX jobs_queue ON jobs (endpoint, status, lane DESC, sequence)",
    "CREATE INDEX jobs_listed ON jobs (endpoint, sequence)",
    "CREATE INDEX jobs_by_status ON jobs (endpoint, status, sequence)",
    "CREATE INDEX jobs_running ON jobs (worker_name) WHERE status = 'IN_PROGRESS'",
    "CREATE INDEX jobs_expiring ON jobs (expires_ms) WHERE expires_ms IS NOT NULL",
    "CREATE INDEX jobs_ended ON jobs (done_ms) WHERE done_ms IS NOT NULL AND forget_ms IS NULL",
    "CREATE INDEX jobs_forgotten ON jobs (forget_ms) WHERE forget_ms IS NOT NULL",
    "CREATE INDEX jobs_unswept ON jobs (done_ms) WHERE done_ms IS NOT NULL AND swept = 0",
    // What is long. `request` is what a view shows; `work` is what the worker is given.
    "CREATE TABLE job_bodies (
        job TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
        request TEXT NOT NULL,
        work TEXT NOT NULL,
        output TEXT,
        progress TEXT,
        failure TEXT
    )",
    // What is sealed; gone when the job ends.
    "CREATE TABLE job_secrets (
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        purpose TEXT NOT NULL,
        sealed {bytes} NOT NULL,
        PRIMARY KEY (job, purpose)
    )",
    "CREATE TABLE events (
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        seq BIGINT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (job, seq)
    )",
    // `owner` is empty for requests without a key.
    "CREATE TABLE idempotency (
        endpoint TEXT NOT NULL,
        owner TEXT NOT NULL,
        key TEXT NOT NULL,
        body_sha256 TEXT NOT NULL,
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        created_ms BIGINT NOT NULL,
        PRIMARY KEY (endpoint, owner, key)
    )",
    "CREATE INDEX idempotency_job ON idempotency (job)",
    // `tries` counts the sendings and is the fencing number of a delivery. The address is sealed.
    "CREATE TABLE outbox (
        id {identity},
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        endpoint TEXT NOT NULL,
        address {bytes} NOT NULL,
        tries BIGINT NOT NULL DEFAULT 0,
        created_ms BIGINT NOT NULL,
        next_ms BIGINT NOT NULL
    )",
    "CREATE INDEX outbox_due ON outbox (next_ms, id)",
    "CREATE INDEX outbox_job ON outbox (job)",
    // The log of sendings: the receiver's status, or else the sentence that says why there is none.
    "CREATE TABLE deliveries (
        delivery BIGINT NOT NULL,
        try BIGINT NOT NULL,
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        at_ms BIGINT NOT NULL,
        status BIGINT,
        outcome TEXT,
        PRIMARY KEY (delivery, try)
    )",
    "CREATE INDEX deliveries_job ON deliveries (job)",
    "CREATE TABLE workers (
        identity TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        version TEXT NOT NULL,
        state TEXT NOT NULL,
        draining BIGINT NOT NULL,
        seen_ms BIGINT NOT NULL
    )",
    "CREATE TABLE api_keys (
        id TEXT PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        scopes TEXT NOT NULL,
        endpoints TEXT,
        created_ms BIGINT NOT NULL
    )",
    // Jobs by state, ended and forgotten ones included, and what else `/health` counts.
    "CREATE TABLE counters (
        endpoint TEXT NOT NULL,
        name TEXT NOT NULL,
        value BIGINT NOT NULL,
        PRIMARY KEY (endpoint, name)
    )",
    // One sealed row that tells whether a master key is this store's.
    "CREATE TABLE master_key (proof {bytes} NOT NULL)",
]];

impl JobStore {
    /// Brings the tables to the newest version, in one transaction.
    pub(crate) async fn migrate(&self) -> Result<()> {
        let mut write = self.begin().await?;
        let found = schema_version(&mut write.tx).await?;
        let known = VERSIONS.len() as i64;
        if found > known {
            return Err(StoreError::TooNew { found, known });
        }
        for (version, statements) in (1..).zip(VERSIONS).skip_while(|(version, _)| *version <= found) {
            for statement in *statements {
                sqlx::raw_sql(self.sql(statement)).execute(&mut *write.tx).await?;
            }
            sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
                .bind::<i64>(version)
                .execute(&mut *write.tx)
                .await?;
        }
        self.prove_master_key(&mut write.tx).await?;
        write.commit().await
    }
}

async fn schema_version(connection: &mut AnyConnection) -> Result<i64> {
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)")
        .execute(&mut *connection)
        .await?;
    let version = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM schema_version");
    Ok(version.fetch_one(connection).await?)
}
