//! Which workers there are, for `/health` and lists. Leases do not depend on this.

use std::fmt;
use std::str::FromStr;

use rand::Rng;
use sqlx::Row;

use crate::error::Result;
use crate::json::parsed;
use crate::store::JobStore;

/// How long a worker counts as alive after it was last seen: as long as a lease, four of its reports.
pub const WORKER_SEEN_MS: i64 = 60_000;
/// How long a vanished worker is counted as unhealthy before it is forgotten.
pub(crate) const WORKER_FORGOTTEN_MS: i64 = 600_000;
/// Longest name of a worker.
const NAME_CHARS_MAX: usize = 64;
/// Hexadecimal digits that tell one life of a worker from another.
const LIFE_DIGITS: usize = 8;

/// One life of a worker: its name, which outlives restarts, and eight digits that do not. Written `gpu-0-1f3a9c02`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkerIdentity {
    name: String,
    life: u32,
}

/// Why a text is not a worker's name or identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a worker's name has 1 to 64 characters of A-Z, a-z, 0-9, '.', '-' and '_', and begins with a letter or digit")]
pub struct BadWorkerName;

impl WorkerIdentity {
    /// The life number `life` of the worker `name`. The name is safe as the name of a folder.
    ///
    /// # Errors
    /// [`BadWorkerName`].
    pub fn new(name: &str, life: u32) -> std::result::Result<Self, BadWorkerName> {
        let fits = (1..=NAME_CHARS_MAX).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        fits.then(|| Self { name: name.into(), life }).ok_or(BadWorkerName)
    }

    /// A new life of the worker `name`.
    ///
    /// # Errors
    /// [`BadWorkerName`].
    pub fn random(name: &str) -> std::result::Result<Self, BadWorkerName> {
        Self::new(name, rand::rng().random())
    }

    /// The name alone.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for WorkerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:0LIFE_DIGITS$x}", self.name, self.life)
    }
}

impl FromStr for WorkerIdentity {
    type Err = BadWorkerName;

    fn from_str(text: &str) -> std::result::Result<Self, BadWorkerName> {
        let (name, life) = text.rsplit_once('-').ok_or(BadWorkerName)?;
        if life.len() != LIFE_DIGITS || !life.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(BadWorkerName);
        }
        Self::new(name, u32::from_str_radix(life, 16).map_err(|_| BadWorkerName)?)
    }
}

names::names! {
    /// What a worker does.
    pub enum WorkerState: "worker state" {
        /// Its child process starts or loads weights.
        Initializing = "initializing",
        /// It waits for a job.
        Idle = "idle",
        /// It works on a job.
        Running = "running",
        /// Its machine cannot work now: no device, a full disk. It takes no job until it can.
        Unhealthy = "unhealthy",
    }
}

/// What a worker says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Which life of which worker.
    pub worker: WorkerIdentity,
    /// The endpoint whose jobs it takes.
    pub endpoint: String,
    /// The program's version, for people.
    pub version: String,
    /// What it does.
    pub state: WorkerState,
    /// True when it ends what it has and takes nothing more.
    pub draining: bool,
}

/// A worker in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenWorker {
    /// What it said.
    pub presence: Presence,
    /// When, in milliseconds since 1970.
    pub seen_ms: i64,
}

impl JobStore {
    /// The worker is alive and does this. To be called at its start, at each change and every 15 s.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn report_worker(&self, presence: &Presence) -> Result<()> {
        let upsert = self.sql(
            "INSERT INTO workers (identity, name, endpoint, version, state, draining, seen_ms)
             VALUES ($2, $3, $4, $5, $6, $7, {now})
             ON CONFLICT (identity) DO UPDATE SET endpoint = EXCLUDED.endpoint, version = EXCLUDED.version,
                 state = EXCLUDED.state, draining = EXCLUDED.draining, seen_ms = EXCLUDED.seen_ms",
        );
        sqlx::query(upsert)
            .bind(self.manual_now())
            .bind(presence.worker.to_string())
            .bind(presence.worker.name())
            .bind(presence.endpoint.as_str())
            .bind(presence.version.as_str())
            .bind(presence.state.as_str())
            .bind(i64::from(presence.draining))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The worker has stopped in good order. Workers that vanished long ago are forgotten with it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_worker(&self, worker: &WorkerIdentity) -> Result<()> {
        sqlx::query(self.sql("DELETE FROM workers WHERE identity = $2 OR seen_ms <= {now} - $3"))
            .bind(self.manual_now())
            .bind(worker.to_string())
            .bind(WORKER_FORGOTTEN_MS)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The workers seen within the last ten minutes, by name.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn workers(&self) -> Result<Vec<SeenWorker>> {
        let select = self.sql("SELECT * FROM workers WHERE seen_ms > {now} - $2 ORDER BY name, identity");
        let rows = sqlx::query(select).bind(self.manual_now()).bind(WORKER_FORGOTTEN_MS).fetch_all(&self.pool).await?;
        let read = |row: &sqlx::any::AnyRow| {
            let presence = Presence {
                worker: parsed(row, "identity", "a worker")?,
                endpoint: row.try_get("endpoint")?,
                version: row.try_get("version")?,
                state: parsed(row, "state", "a worker")?,
                draining: row.try_get::<i64, _>("draining")? != 0,
            };
            Ok(SeenWorker { presence, seen_ms: row.try_get("seen_ms")? })
        };
        rows.iter().map(read).collect()
    }
}
