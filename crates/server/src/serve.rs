//! The listener and its end.

use std::future::IntoFuture;
use std::io;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::router::router;
use crate::state::AppState;

/// How long open requests may take to end after the signal: enough for every operation; only a file on its way out
/// takes longer, and its reader goes on later with a byte range.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Answers requests on `listener` until `shutdown`; then takes no new ones, lets the open ones end, and returns.
///
/// The loops of [`crate::run_webhooks`] and [`crate::run_reaper`] are the caller's to run beside it.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, state: AppState, shutdown: CancellationToken) -> io::Result<()> {
    // Small answers must not wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
    });
    let server = axum::serve(listener, router(state)).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let grace_ends = async {
        shutdown.cancelled().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        result = server.into_future() => result,
        () = grace_ends => {
            tracing::warn!("some requests were still open when the server stopped");
            Ok(())
        }
    }
}
