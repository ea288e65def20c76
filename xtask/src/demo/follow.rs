//! Follows a job with a progress bar until it ends.

use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::client::Client;
use super::error::DemoError;

/// Between two questions; steps of the demo take longer than this.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Waits for the job's result and shows what it does meanwhile: stage, step, loss, steps per second, time left.
///
/// # Errors
/// When the job ends in another state than COMPLETED.
pub fn follow(client: &Client, id: &str) -> Result<Value, DemoError> {
    let bar = ProgressBar::new(0);
    let style = "{elapsed_precise} {prefix:<9} {wide_bar} {pos}/{len} {msg}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(ASK_EVERY);
    let mut stage = Stage::default();
    loop {
        let job = client.status(id)?;
        let status = job["status"].as_str().unwrap_or_default();
        match status {
            "IN_QUEUE" => bar.set_prefix("queue"),
            "IN_PROGRESS" => stage.show(&job["output"], &bar),
            "COMPLETED" => {
                stage.close(&bar);
                bar.finish_and_clear();
                return Ok(job);
            }
            _ => {
                bar.abandon();
                let reason = job["error"].as_str().unwrap_or("the service gave no reason").to_owned();
                return Err(DemoError::Job { status: status.into(), reason });
            }
        }
        thread::sleep(ASK_EVERY);
    }
}

/// The stage that is shown, and its last line.
#[derive(Debug, Default)]
struct Stage {
    name: String,
    summary: String,
    /// What was told last: a status repeats its event until the next.
    told: String,
}

impl Stage {
    /// Shows the newest event; without a terminal, a line for each stage that ended.
    fn show(&mut self, event: &Value, bar: &ProgressBar) {
        if let Some(message) = event["message"].as_str()
            && message != self.told
        {
            bar.suspend(|| eprintln!("note: {message}"));
            self.told = message.to_owned();
        }
        if let Some(name) = event["stage"].as_str()
            && name != self.name
        {
            self.close(bar);
            self.name = name.to_owned();
            bar.set_prefix(self.name.clone());
            bar.set_length(0);
            bar.set_position(0);
            bar.set_message("");
        }
        let (Some(step), Some(total)) = (event["step"].as_u64(), event["total"].as_u64()) else { return };
        let loss = event["loss"].as_f64().map_or(String::new(), |loss| format!("loss {loss:.4}  "));
        let speed = event["its_per_s"].as_f64().unwrap_or_default();
        let left = event["seconds_left"].as_f64().unwrap_or_default();
        bar.set_length(total);
        bar.set_position(step);
        bar.set_message(format!("{loss}{speed:.1} it/s  {left:.0} s left"));
        self.summary = format!("{step}/{total}  {loss}{speed:.1} it/s");
    }

    fn close(&mut self, bar: &ProgressBar) {
        if !self.name.is_empty() {
            bar.suspend(|| eprintln!("{:<9} {}", self.name, self.summary));
        }
        self.summary.clear();
    }
}
