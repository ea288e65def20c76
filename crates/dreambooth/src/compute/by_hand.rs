//! The circumstances of work that is done by hand: real time, real chance, and nobody who stops it but a signal.

use std::fs;
use std::path::Path;
use std::time::Instant;

use protocol::{JobEvent, Leave, Occasion};

use crate::failure::{Failure, cannot};

/// Does `work` with an occasion whose events go to `observer`.
pub(crate) fn by_hand<T>(observer: &mut dyn FnMut(JobEvent), work: impl FnOnce(&mut Occasion<'_>) -> T) -> T {
    by_hand_until(&|| None, observer, work)
}

/// [`by_hand`], left when `stop` says so.
pub(crate) fn by_hand_until<T>(
    stop: &dyn Fn() -> Option<Leave>,
    observer: &mut dyn FnMut(JobEvent),
    work: impl FnOnce(&mut Occasion<'_>) -> T,
) -> T {
    let began = Instant::now();
    work(&mut Occasion {
        observer,
        draw_seed: &mut rand::random::<u64>,
        clock: &|| began.elapsed(),
        job_timestamp: local_timestamp(),
        stop,
    })
}

/// Local time as the web UI writes it into `info`: `YYYYMMDDhhmmss`.
pub(crate) fn local_timestamp() -> String {
    jiff::Zoned::now().strftime("%Y%m%d%H%M%S").to_string()
}

/// Reads a JSON file.
pub(crate) fn read_json(path: &Path) -> Result<serde_json::Value, Failure> {
    let text = fs::read_to_string(path).map_err(cannot(format!("read {}", path.display())))?;
    serde_json::from_str(&text).map_err(cannot(format!("read {} as JSON", path.display())))
}
