//! Webhooks that are still to be delivered. A row is written in the transaction that ends its job, so a job that has
//! ended is reported even when the process dies in between; it goes away when the receiver has accepted it or when the
//! schedule ends. At least once: a receiver may see the same delivery twice, with the same [`Delivery::id`].
//!
//! The body is made at sending time from the job's record (`protocol::view::webhook_body`), so it carries fresh links.

use std::fmt;

use protocol::JobId;
use sqlx::{AnyConnection, Row};

use crate::error::Result;
use crate::record::parsed;
use crate::store::JobStore;

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
pub const SENDING_HOLD_MS: i64 = MINUTE;

/// Longest pause that a receiver may ask for (`Retry-After`), so that it cannot keep a row for ever.
pub const PAUSE_MAX_MS: i64 = 24 * HOUR;

/// A webhook to send now.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Stable over all sendings: receivers may drop repeats by it.
    pub id: i64,
    /// The job to report.
    pub job: JobId,
    /// Where to send it. May hold a token: for the sender alone.
    pub url: String,
    /// Which sending this is, from 1.
    pub attempt: i64,
}

/// Does not show the URL: it may hold a token.
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
    /// When the database fails or a row cannot be read.
    pub async fn due_deliveries(&self, limit: u32) -> Result<Vec<Delivery>> {
        if !self.any_delivery_due().await? {
            return Ok(Vec::new());
        }
        let take = self.sql(
            "UPDATE outbox SET tries = tries + 1, next_ms = {now} + $2
             WHERE id IN (SELECT id FROM outbox WHERE next_ms <= {now} ORDER BY next_ms, id LIMIT $3 {skip_locked})
             RETURNING id, job, url, tries",
        );
        let rows = sqlx::query(take)
            .bind(self.manual_now())
            .bind(SENDING_HOLD_MS)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        let mut deliveries = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: i64 = row.try_get("id")?;
            let job = parsed(row, "job", &format!("delivery {id}"))?;
            deliveries.push(Delivery { id, job, url: row.try_get("url")?, attempt: row.try_get("tries")? });
        }
        deliveries.sort_by_key(|delivery| delivery.id);
        Ok(deliveries)
    }

    /// A look without the write lock, for the sender's poll.
    async fn any_delivery_due(&self) -> Result<bool> {
        let count = self.sql("SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE next_ms <= {now} LIMIT 1) AS due");
        let due: i64 = sqlx::query_scalar(count).bind(self.manual_now()).fetch_one(&self.pool).await?;
        Ok(due > 0)
    }

    /// Nothing more is to be sent: the receiver has accepted it, or has said that it never will (410).
    ///
    /// # Errors
    /// When the database fails; the delivery is then sent again.
    pub async fn delivered(&self, id: i64) -> Result<()> {
        sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// The sending failed: the next one is due after the schedule's pause ([`RETRY_PAUSES_MS`]), or after
    /// `at_least_ms` when the receiver asked for a longer one (at most [`PAUSE_MAX_MS`] is granted).
    ///
    /// Gives the pause until the next sending, or `None` when this was the last one and the delivery is given up. A
    /// delivery that another sender holds by now is left alone.
    ///
    /// # Errors
    /// When the database fails; the delivery is then due again when its hold ends.
    pub async fn postpone(&self, delivery: &Delivery, at_least_ms: Option<i64>) -> Result<Option<i64>> {
        let Some(scheduled) = pause_after(delivery.attempt) else {
            sqlx::query("DELETE FROM outbox WHERE id = $1 AND tries = $2")
                .bind(delivery.id)
                .bind(delivery.attempt)
                .execute(&self.pool)
                .await?;
            return Ok(None);
        };
        let pause = scheduled.max(at_least_ms.unwrap_or(0).min(PAUSE_MAX_MS));
        sqlx::query(self.sql("UPDATE outbox SET next_ms = {now} + $2 WHERE id = $3 AND tries = $4"))
            .bind(self.manual_now())
            .bind(pause)
            .bind(delivery.id)
            .bind(delivery.attempt)
            .execute(&self.pool)
            .await?;
        Ok(Some(pause))
    }

    /// Writes the outbox row of a job that ends in this transaction, if it has a webhook.
    pub(crate) async fn enqueue_delivery(&self, tx: &mut AnyConnection, job: &JobId) -> Result<()> {
        let insert = self.sql(
            "INSERT INTO outbox (job, url, created_ms, next_ms)
             SELECT id, webhook, {now}, {now} FROM jobs WHERE id = $2 AND webhook IS NOT NULL",
        );
        sqlx::query(insert).bind(self.manual_now()).bind(job.as_str()).execute(tx).await?;
        Ok(())
    }
}

/// The pause after the failure of sending number `attempt` (from 1); `None` after the last.
fn pause_after(attempt: i64) -> Option<i64> {
    let index = usize::try_from(attempt - 1).ok()?;
    RETRY_PAUSES_MS.get(index).copied()
}
