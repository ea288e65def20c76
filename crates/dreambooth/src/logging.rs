//! The log: lines on standard error, as `RUST_LOG` filters them.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts it. The default shows what the service does, not what its libraries do.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,dreambooth=info,server=info,worker=info,jobs=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
