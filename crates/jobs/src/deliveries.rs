//! The log of webhook sendings: for who asks why a report did not arrive. It goes with its job.

use protocol::JobId;
use sqlx::Row;

use crate::error::Result;
use crate::outbox::Delivery;
use crate::store::JobStore;
use crate::write::Write;

/// Longest sentence kept of a sending that had no answer.
const SENTENCE_CHARS_MAX: usize = 400;

/// How a sending went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered with this HTTP status.
    Status(u16),
    /// There was no answer, for this reason. It must not name the address.
    NoAnswer(String),
}

/// One sending in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryTry {
    /// Which delivery.
    pub delivery: i64,
    /// Which sending of it, from 1.
    pub attempt: i64,
    /// When it ended, in milliseconds since 1970.
    pub at_ms: i64,
    /// How.
    pub outcome: Outcome,
}

impl JobStore {
    /// The sendings of the job's webhook, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delivery_log(&self, job: &JobId) -> Result<Vec<DeliveryTry>> {
        let select =
            "SELECT delivery, try, at_ms, status, outcome FROM deliveries WHERE job = $1 ORDER BY delivery, try";
        let rows = sqlx::query(select).bind(job.as_str()).fetch_all(&self.pool).await?;
        let read = |row: &sqlx::any::AnyRow| {
            let status: Option<i64> = row.try_get("status")?;
            let sentence: Option<String> = row.try_get("outcome")?;
            let status = status.and_then(|status| u16::try_from(status).ok());
            Ok(DeliveryTry {
                delivery: row.try_get("delivery")?,
                attempt: row.try_get("try")?,
                at_ms: row.try_get("at_ms")?,
                outcome: status.map_or_else(|| Outcome::NoAnswer(sentence.unwrap_or_default()), Outcome::Status),
            })
        };
        rows.iter().map(read).collect()
    }

    /// Logs a sending; the first word on one stands, and a job that is gone has no log.
    pub(crate) async fn log_delivery(&self, write: &mut Write, delivery: &Delivery, outcome: &Outcome) -> Result<()> {
        let (status, sentence) = match outcome {
            Outcome::Status(status) => (Some(i64::from(*status)), None),
            Outcome::NoAnswer(sentence) => (None, Some(sentence.chars().take(SENTENCE_CHARS_MAX).collect::<String>())),
        };
        let insert = self.sql(
            "INSERT INTO deliveries (delivery, try, job, at_ms, status, outcome)
             SELECT $2, $3, id, {now}, $4, $5 FROM jobs WHERE id = $6
             ON CONFLICT (delivery, try) DO NOTHING",
        );
        sqlx::query(insert)
            .bind(self.manual_now())
            .bind(delivery.id)
            .bind(delivery.attempt)
            .bind(status)
            .bind(sentence)
            .bind(delivery.job.as_str())
            .execute(&mut *write.tx)
            .await?;
        Ok(())
    }
}
