//! A job's events as a progress bar on standard error: stage, step/total, loss, it/s, time left.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use protocol::{JobEvent, Stage};

/// The bar of the running stage.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that waits for the first stage.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// Shows one event.
    pub(crate) fn show(&mut self, event: &JobEvent) {
        match event {
            JobEvent::Stage { stage } => self.begin(*stage),
            JobEvent::Step { stage, step, total, loss, its_per_s, seconds_left } => {
                self.bar.set_style(bar_style());
                self.bar.set_length(*total);
                self.bar.set_position(*step);
                self.bar.set_prefix(stage.as_str());
                let loss = loss.map(|loss| format!("loss {loss:.4}, ")).unwrap_or_default();
                self.bar.set_message(format!("{loss}{its_per_s:.2} it/s, {seconds_left:.0} s left"));
            }
            JobEvent::Warning { message } => self.bar.suspend(|| tracing::warn!("{message}")),
            JobEvent::Note { message } => self.bar.suspend(|| tracing::info!("{message}")),
            JobEvent::Validation { stage, step, loss } => {
                self.bar.suspend(|| tracing::info!("{stage} step {step}: validation loss {loss:.4}"));
            }
            JobEvent::File { .. } | JobEvent::AttemptLost { .. } => {}
        }
    }

    /// Replaces the bar by a last line.
    pub(crate) fn finish(&self, message: &str) {
        self.bar.finish_and_clear();
        tracing::info!("{message}");
    }

    fn begin(&mut self, stage: Stage) {
        self.bar.reset();
        self.bar.set_style(ProgressStyle::default_spinner());
        self.bar.set_message(stage.as_str());
    }
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:>9} [{bar:30}] {pos}/{len} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
