//! The listener, its connections and their end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::ConnectionLimits;
use crate::router::router;
use crate::state::AppState;
use crate::timed_writes::TimedWrites;

/// How long open requests may take to end after the signal: enough for every operation; only a file on its way out
/// takes longer, and its reader goes on later with a byte range.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// What one connection may have read or written ahead: a large head fits, and a thousand connections fit, too.
const BUFFER_MAX_BYTES: usize = 64 * 1024;

/// Pause after a connection could not be accepted, most often because too many files are open: others end meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests on `listener` until `shutdown`; then takes no new ones, lets the open ones end, and returns.
///
/// The loops of [`crate::run_webhooks`], [`crate::run_janitor`] and [`jobs::run_reaper`] are the caller's to run beside it.
///
/// # Errors
/// When the listener is none any more.
pub async fn serve(listener: TcpListener, state: AppState, shutdown: CancellationToken) -> io::Result<()> {
    listener.local_addr()?;
    let limits = state.config.connections;
    let places = Arc::new(Semaphore::new(limits.at_once));
    let router = router(state);
    let mut open = JoinSet::new();
    loop {
        let (stream, place) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let answered = answer(stream, router.clone(), limits, shutdown.clone());
        open.spawn(async move {
            answered.await;
            drop(place);
        });
        while open.try_join_next().is_some() {}
    }
    let ended = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_GRACE, ended).await.is_err() {
        tracing::warn!("some requests were still open when the server stopped");
    }
    Ok(())
}

/// The next connection. While there is no place, it waits in the system's backlog.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let place = places.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers the requests of one connection, one after the other.
async fn answer(stream: TcpStream, router: Router, limits: ConnectionLimits, shutdown: CancellationToken) {
    // Small answers must not wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's algorithm");
    }
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(BUFFER_MAX_BYTES);
    let stream = TokioIo::new(TimedWrites::new(stream, limits.write_pause));
    let mut connection = pin!(http.serve_connection(stream, TowerToHyperService::new(router)));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}
