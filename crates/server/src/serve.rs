//! The listener and its end.

use std::future::IntoFuture;
use std::io;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::reaper::run_reaper;
use crate::router::router;
use crate::state::AppState;
use crate::webhooks::run_webhooks;

/// How long open requests and webhooks may take to end after the signal: as long as a webhook may take, and enough for
/// every operation; only a file on its way out takes longer, and its reader goes on later with a byte range.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Answers requests on `listener` until `shutdown`, with the reaper and the webhook sender beside it; then takes no new
/// requests, lets the open ones and the webhooks on their way end, and returns.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, state: AppState, shutdown: CancellationToken) -> io::Result<()> {
    // Also when the listener fails, the loops end.
    let stop = shutdown.child_token();
    let _stop_loops = stop.clone().drop_guard();
    let loops = TaskTracker::new();
    loops.spawn(run_reaper(state.clone(), stop.clone()));
    loops.spawn(run_webhooks(state.clone(), stop.clone()));
    loops.close();
    // Small answers must not wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
    });
    let server = axum::serve(listener, router(state)).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let all_ended = async {
        server.into_future().await?;
        stop.cancel();
        loops.wait().await;
        Ok(())
    };
    let grace_ends = async {
        shutdown.cancelled().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        result = all_ended => result,
        () = grace_ends => {
            tracing::warn!("some requests or webhooks were still on their way when the server stopped");
            Ok(())
        }
    }
}
