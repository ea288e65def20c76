//! The webhook sender: takes due deliveries from the store's outbox and posts them.
//!
//! The outbox row is written in the transaction that ends its job and goes away when the receiver has accepted it, so a
//! restart, of this server or of the receiver, loses nothing. A receiver may see the same delivery twice; it has the same
//! `X-Job-Id` then. The job's end is stored before, so a receiver that asks for the status sees it.
//!
//! The request is a POST of the v2 view with `input` and `webhook` (spec runpod-api §3). Any 2xx accepts it, 410 says
//! that it is not wanted; everything else, redirects included, is tried again on the store's schedule, or later if the
//! receiver asks for it (`Retry-After`). The store logs each sending. Of the address, logs name scheme and host alone.

use std::time::Duration;

use futures::future::join_all;
use jobs::{Delivery, Outcome, StoreError};
use tokio_util::sync::CancellationToken;
use transfer::WebhookAnswer;

use crate::state::AppState;

/// Longest wait for a receiver's answer: RunPod's own, and well below the time for which the store holds a delivery.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Deliveries on their way at once; a receiver that hangs holds up the next round by [`ANSWER_MAX`] at most.
const AT_ONCE: u32 = 16;
/// How often it looks when nothing is announced: retries, and jobs that other processes end.
const POLL: Duration = Duration::from_secs(1);
/// The status with which a receiver says that it will never want this.
const GONE: u16 = 410;

/// Sends webhooks until `shutdown`; those on their way then are seen through. Any number of servers may run it at once.
pub async fn run_webhooks(state: AppState, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        // Asked before looking, so that a job which ends meanwhile is not slept over.
        let changed = state.store.changed();
        match deliver_due(&state).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::error!(%error, "the webhook sender could not do its round; it tries again"),
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = changed => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Sends the deliveries that are due now, and returns how many there were.
///
/// # Errors
/// When the store fails; what was not recorded is then due again later.
pub async fn deliver_due(state: &AppState) -> Result<usize, StoreError> {
    let due = state.store.due_deliveries(AT_ONCE).await?;
    for sent in join_all(due.iter().map(|delivery| deliver(state, delivery))).await {
        sent?;
    }
    Ok(due.len())
}

/// Sends one delivery and records what came of it.
async fn deliver(state: &AppState, delivery: &Delivery) -> Result<(), StoreError> {
    // A job that was forgotten meanwhile took its deliveries with it.
    let Some(job) = state.store.get(&delivery.job).await? else { return Ok(()) };
    let body = state.webhook_body(&job, &delivery.url).await?;
    let attempt = delivery.attempt.to_string();
    let headers = [("x-job-id", delivery.job.as_str()), ("x-webhook-attempt", attempt.as_str())];
    let (outcome, asked) = match state.network.post_json(delivery.url.reveal(), &body, &headers, ANSWER_MAX).await {
        Ok(WebhookAnswer { status: status @ (200..=299 | GONE), .. }) => {
            tracing::info!(job = %delivery.job, status, attempt, "webhook delivered");
            return state.store.delivered(delivery, status).await;
        }
        Ok(WebhookAnswer { status, retry_after }) => (Outcome::Status(status), retry_after),
        Err(error) => (Outcome::NoAnswer(error.to_string()), None),
    };
    let asked_ms = asked.map(|pause| i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
    let outcome_text = match &outcome {
        Outcome::Status(status) => format!("HTTP status {status}"),
        Outcome::NoAnswer(reason) => reason.clone(),
    };
    match state.store.postpone(delivery, &outcome, asked_ms).await? {
        Some(pause_ms) => {
            tracing::warn!(job = %delivery.job, outcome = outcome_text, attempt, pause_ms, "webhook postponed");
        }
        None => {
            tracing::error!(job = %delivery.job, outcome = outcome_text, attempt, "webhook given up, its schedule has ended");
        }
    }
    Ok(())
}
