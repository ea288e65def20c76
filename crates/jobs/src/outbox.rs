//! Webhooks that are still to be delivered. A row is written in the transaction that ends its job, so a job that has
//! ended is reported even when the process dies in between; it goes away when the receiver has accepted it or when the
//! schedule ends. At least once: a receiver may see the same delivery twice, with the same [`Delivery::id`].
//!
//! The body is made at sending time from the job's record, so it carries fresh links. The address is stored sealed.

use std::fmt;

use protocol::{JobId, Secret};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::deliveries::Outcome;
use crate::error::{Result, StoreError};
use crate::json::parsed;
use crate::seal::Purpose;
use crate::store::JobStore;
use crate::transition::LockedJob;
use crate::write::{DELIVERIES, Write};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Pauses after each failed sending; the first sending is at once, and after the last pause the last one is made.
/// RunPod's own two repeats (10 s apart) come first, for receivers that count on them; then ever longer ones, for a
/// receiver that is being restarted, redeployed, or down over a weekend: 3 days in all.
pub const RETRY_PAUSES_MS: [i64; 13] = [
    10 * SECOND,
    10 * SECOND,
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    HOUR,
    3 * HOUR,
    8 * HOUR,
    12 * HOUR,
    12 * HOUR,
    12 * HOUR,
    12 * HOUR,
    12 * HOUR,
];

/// How long a taken delivery is not given out again: longer than any sending takes (its time limit is well below), so
/// two senders do not send the same one; when a sender dies, the delivery is due again after it.
pub const SENDING_HOLD_MS: i64 = 30 * SECOND;

/// Longest pause that a receiver may ask for (`Retry-After`), so that it cannot keep a row for ever.
pub const PAUSE_MAX_MS: i64 = 24 * HOUR;

/// A webhook to send now.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Stable over all sendings: receivers may drop repeats by it.
    pub id: i64,
    /// The job to report.
    pub job: JobId,
    /// Where to send it. It may hold a token: for the sender alone.
    pub url: Secret,
    /// Which sending this is, from 1.
    pub attempt: i64,
}

/// Does not show the URL.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.id)
            .field("job", &self.job)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl JobStore {
    /// Takes at most `limit` deliveries that are due, the most overdue first. Each is held for [`SENDING_HOLD_MS`]:
    /// within it, answer with [`JobStore::delivered`] or [`JobStore::postpone`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_deliveries(&self, limit: u32) -> Result<Vec<Delivery>> {
        // Looking first keeps the sender's poll from taking the write lock.
        let any = sqlx::query(self.sql("SELECT 1 FROM outbox WHERE next_ms <= {now} LIMIT 1"));
        if any.bind(self.manual_now()).fetch_optional(&self.pool).await?.is_none() {
            return Ok(Vec::new());
        }
        let mut write = self.begin().await?;
        let select = self.sql(
            "SELECT id, job, endpoint, address, tries + 1 AS attempt FROM outbox WHERE next_ms <= {now}
             ORDER BY next_ms, id LIMIT $2 {skip_locked}",
        );
        let rows = sqlx::query(select).bind(self.manual_now()).bind(i64::from(limit)).fetch_all(&mut *write.tx).await?;
        let mut deliveries = Vec::with_capacity(rows.len());
        for row in &rows {
            match self.read_delivery(row) {
                Ok(delivery) => {
                    self.hold_delivery(&mut write, &delivery).await?;
                    deliveries.push(delivery);
                }
                Err(error @ StoreError::Unreadable { .. }) => self.drop_unreadable(&mut write, row, &error).await?,
                Err(error) => return Err(error),
            }
        }
        write.commit().await?;
        Ok(deliveries)
    }

    fn read_delivery(&self, row: &AnyRow) -> Result<Delivery> {
        let id: i64 = row.try_get("id")?;
        let of = format!("delivery {id}");
        let job: JobId = parsed(row, "job", &of)?;
        let address = self.master_key.open(&job, Purpose::Webhook, row.try_get("address")?)?;
        let no_text = |_| StoreError::Unreadable { what: "address", of, reason: "it is no text".into() };
        let url = Secret::new(String::from_utf8(address).map_err(no_text)?);
        Ok(Delivery { id, job, url, attempt: row.try_get("attempt")? })
    }

    async fn hold_delivery(&self, write: &mut Write, delivery: &Delivery) -> Result<()> {
        sqlx::query(self.sql("UPDATE outbox SET tries = $2, next_ms = {now} + $3 WHERE id = $4"))
            .bind(self.manual_now())
            .bind(delivery.attempt)
            .bind(SENDING_HOLD_MS)
            .bind(delivery.id)
            .execute(&mut *write.tx)
            .await?;
        Ok(())
    }

    /// A damaged row must not hold up those behind it.
    async fn drop_unreadable(&self, write: &mut Write, row: &AnyRow, error: &StoreError) -> Result<()> {
        let id: i64 = row.try_get("id")?;
        tracing::error!(delivery = id, %error, "a stored webhook cannot be read and is given up");
        self.remove_delivery(write, id, None).await
    }

    /// Nothing more is to be sent: the receiver has accepted it with this status, or has said that it never will (410).
    ///
    /// # Errors
    /// When the database fails; the delivery is then sent again.
    pub async fn delivered(&self, delivery: &Delivery, status: u16) -> Result<()> {
        let mut write = self.begin().await?;
        self.log_delivery(&mut write, delivery, &Outcome::Status(status)).await?;
        self.remove_delivery(&mut write, delivery.id, None).await?;
        write.commit().await
    }

    /// The sending failed with this outcome: the next one is due after the schedule's pause ([`RETRY_PAUSES_MS`]), or after
    /// `at_least_ms` when the receiver asked for a longer one (at most [`PAUSE_MAX_MS`] is granted).
    ///
    /// Gives the pause until the next sending, or `None` when this was the last one and the delivery is given up. A
    /// delivery that another sender holds by now is left alone.
    ///
    /// # Errors
    /// When the database fails; the delivery is then due again when its hold ends.
    pub async fn postpone(
        &self,
        delivery: &Delivery,
        outcome: &Outcome,
        at_least_ms: Option<i64>,
    ) -> Result<Option<i64>> {
        let mut write = self.begin().await?;
        self.log_delivery(&mut write, delivery, outcome).await?;
        let pause = pause_after(delivery.attempt).map(|pause| pause.max(at_least_ms.unwrap_or(0).min(PAUSE_MAX_MS)));
        match pause {
            None => self.remove_delivery(&mut write, delivery.id, Some(delivery.attempt)).await?,
            Some(pause) => {
                sqlx::query(self.sql("UPDATE outbox SET next_ms = {now} + $2 WHERE id = $3 AND tries = $4"))
                    .bind(self.manual_now())
                    .bind(pause)
                    .bind(delivery.id)
                    .bind(delivery.attempt)
                    .execute(&mut *write.tx)
                    .await?;
            }
        }
        write.commit().await?;
        Ok(pause)
    }

    /// Removes the row, if its newest sending is number `attempt` or none is named.
    async fn remove_delivery(&self, write: &mut Write, id: i64, attempt: Option<i64>) -> Result<()> {
        let delete =
            "DELETE FROM outbox WHERE id = $1 AND tries = COALESCE(CAST($2 AS BIGINT), tries) RETURNING endpoint";
        let endpoint: Option<String> =
            sqlx::query_scalar(delete).bind(id).bind(attempt).fetch_optional(&mut *write.tx).await?;
        if let Some(endpoint) = endpoint {
            write.count(&endpoint, DELIVERIES, -1);
        }
        Ok(())
    }

    /// What is still to be delivered of the job is given up.
    pub(crate) async fn drop_deliveries(&self, write: &mut Write, job: &LockedJob) -> Result<()> {
        let delete = sqlx::query("DELETE FROM outbox WHERE job = $1").bind(job.id.as_str());
        let done = delete.execute(&mut *write.tx).await?;
        write.count(&job.endpoint, DELIVERIES, -(done.rows_affected() as i64));
        Ok(())
    }

    /// Writes the outbox row of a job that ends in this transaction, if it has a webhook. The address stays sealed as it
    /// was.
    pub(crate) async fn enqueue_delivery(&self, write: &mut Write, job: &LockedJob) -> Result<()> {
        let insert = self.sql(
            "INSERT INTO outbox (job, endpoint, address, created_ms, next_ms)
             SELECT job, $2, sealed, {now}, {now} FROM job_secrets WHERE job = $3 AND purpose = $4",
        );
        let done = sqlx::query(insert)
            .bind(self.manual_now())
            .bind(job.endpoint.as_str())
            .bind(job.id.as_str())
            .bind(Purpose::Webhook.as_str())
            .execute(&mut *write.tx)
            .await?;
        write.count(&job.endpoint, DELIVERIES, done.rows_affected() as i64);
        Ok(())
    }
}

/// The pause after the failure of sending number `attempt` (from 1); `None` after the last.
fn pause_after(attempt: i64) -> Option<i64> {
    let index = usize::try_from(attempt - 1).ok()?;
    RETRY_PAUSES_MS.get(index).copied()
}
