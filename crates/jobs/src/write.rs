//! A transaction that may write, and the counters that change with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::JobStatus;
use sqlx::{Any, AnyConnection, Transaction};
use tokio::sync::Notify;

use crate::error::Result;
use crate::store::JobStore;

/// What is counted for each endpoint beside its jobs' states: requeued attempts, ever.
pub(crate) const RETRIED: &str = "retried";
/// Webhooks that are still to be delivered.
pub(crate) const DELIVERIES: &str = "deliveries";

const ADD: &str = "INSERT INTO counters (endpoint, name, value) VALUES ($1, $2, $3)
     ON CONFLICT (endpoint, name) DO UPDATE SET value = counters.value + EXCLUDED.value
     RETURNING value";

/// A transaction. Dropping it undoes it.
///
/// Counters are written last, in one order for all, so that no two transactions wait for each other and a counter that
/// all share is held as short as can be.
pub(crate) struct Write {
    pub(crate) tx: Transaction<'static, Any>,
    counted: BTreeMap<(String, &'static str), i64>,
    changed: Arc<Notify>,
}

impl JobStore {
    /// Begins a transaction that may write.
    pub(crate) async fn begin(&self) -> Result<Write> {
        let tx = self.pool.begin_with(self.dialect().begin).await?;
        Ok(Write { tx, counted: BTreeMap::new(), changed: self.changed.clone() })
    }
}

impl Write {
    /// The counter `name` of the endpoint changes by `by` when this commits.
    pub(crate) fn count(&mut self, endpoint: &str, name: &'static str, by: i64) {
        *self.counted.entry((endpoint.into(), name)).or_default() += by;
    }

    /// A job of the endpoint goes from one state to another.
    pub(crate) fn count_move(&mut self, endpoint: &str, from: JobStatus, to: JobStatus) {
        self.count(endpoint, from.as_str(), -1);
        self.count(endpoint, to.as_str(), 1);
    }

    /// One more waiting job, counted at once. Gives how many wait then; until this transaction ends, no other one changes
    /// that number.
    pub(crate) async fn count_submission(&mut self, endpoint: &str) -> Result<i64> {
        add(&mut self.tx, endpoint, JobStatus::InQueue.as_str(), 1).await
    }

    /// Commits, and wakes whoever waits for a change.
    pub(crate) async fn commit(mut self) -> Result<()> {
        for ((endpoint, name), by) in std::mem::take(&mut self.counted) {
            if by != 0 {
                add(&mut self.tx, &endpoint, name, by).await?;
            }
        }
        self.tx.commit().await?;
        self.changed.notify_waiters();
        Ok(())
    }
}

async fn add(connection: &mut AnyConnection, endpoint: &str, name: &str, by: i64) -> Result<i64> {
    Ok(sqlx::query_scalar(ADD).bind(endpoint).bind(name).bind(by).fetch_one(connection).await?)
}
