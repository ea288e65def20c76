//! A signal to work that is done by hand: the first asks it to stop in good order, the second stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Failure, cannot};

/// What shells add to a signal's number for the exit code of what it ended.
const SIGNALLED: u8 = 128;

/// Whether a signal came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Listens to SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let refused = "listen to signals";
        let interrupt = Self::default();
        let heard = interrupt.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(cannot(refused))?;
        let (mut interrupted, mut terminated) = runtime.block_on(async {
            let of = |kind| signal(kind).map_err(cannot(refused));
            Ok::<_, Failure>((of(SignalKind::interrupt())?, of(SignalKind::terminate())?))
        })?;
        let listen = move || {
            runtime.block_on(async {
                loop {
                    let kind = tokio::select! {
                        _ = interrupted.recv() => SignalKind::interrupt(),
                        _ = terminated.recv() => SignalKind::terminate(),
                    };
                    let code = SIGNALLED + u8::try_from(kind.as_raw_value()).unwrap_or(0);
                    if heard.0.swap(code, Ordering::Relaxed) != 0 {
                        std::process::exit(code.into());
                    }
                }
            });
        };
        thread::Builder::new().name("signals".into()).spawn(listen).map_err(cannot(refused))?;
        Ok(interrupt)
    }

    /// The exit code of whoever ends for the signal that came, if one did.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        Some(self.0.load(Ordering::Relaxed)).filter(|code| *code != 0)
    }
}
