//! Passing on what happens: to the observer at once, to the report at the end.

use std::time::Duration;

use engine::memory;
use engine::tch::{Device, Tensor};
use protocol::{JobEvent, Stage};

use crate::progress::{Clock, Observer, Progress};
use crate::report::StageReport;
use crate::stage::{StageLoop, StepRecord};

/// An observer and a clock: what a stage needs to report.
pub(crate) struct Witness<'a> {
    observer: &'a mut Observer<'a>,
    clock: Clock<'a>,
}

impl<'a> Witness<'a> {
    pub(crate) fn new(observer: &'a mut Observer<'a>, clock: Clock<'a>) -> Self {
        Self { observer, clock }
    }

    pub(crate) fn now(&self) -> Duration {
        (self.clock)()
    }

    pub(crate) fn begin(&mut self, stage: Stage) {
        (self.observer)(JobEvent::Stage { stage });
    }

    /// The way through `total` steps that begin now.
    pub(crate) fn progress(&self, stage: Stage, total: u64) -> Progress {
        Progress::new(stage, total, self.now())
    }

    pub(crate) fn step(&mut self, progress: &Progress, step: u64, loss: Option<f64>) {
        let event = progress.step(step, loss, self.now());
        (self.observer)(event);
    }

    pub(crate) fn warn(&mut self, message: String) {
        (self.observer)(JobEvent::Warning { message });
    }
}

/// Collects a [`StageReport`] and passes each step on to the observer.
pub(crate) struct StageRecorder<'a, 'b> {
    witness: &'a mut Witness<'b>,
    progress: Progress,
    began: Duration,
    device: Device,
    report: StageReport,
}

impl<'a, 'b> StageRecorder<'a, 'b> {
    /// A record of `plan`, which begins now and changes the tensors `trained`.
    pub(crate) fn begin(witness: &'a mut Witness<'b>, plan: &StageLoop<'_>, trained: &[Tensor]) -> Self {
        let report = StageReport {
            stage: plan.stage,
            steps: plan.steps,
            trained_parameters: trained.iter().map(|tensor| tensor.numel() as u64).sum(),
            losses: Vec::new(),
            gradient_norms: Vec::new(),
            learning_rates: Vec::new(),
            seconds: 0.0,
            its_per_s: 0.0,
            peak_rss_bytes: 0,
            peak_device_bytes: None,
        };
        let progress = witness.progress(plan.stage, plan.steps);
        Self { progress, began: witness.now(), witness, device: plan.device, report }
    }

    pub(crate) fn record(&mut self, step: StepRecord) {
        self.report.losses.push(step.loss);
        self.report.gradient_norms.push(step.gradient_norm);
        self.report.learning_rates.push(step.learning_rate);
        self.witness.step(&self.progress, step.step, Some(step.loss));
    }

    pub(crate) fn finish(mut self) -> StageReport {
        self.report.seconds = self.witness.now().saturating_sub(self.began).as_secs_f64();
        self.report.its_per_s = self.report.steps as f64 / self.report.seconds.max(1e-9);
        self.report.peak_rss_bytes = memory::peak_rss_bytes();
        self.report.peak_device_bytes = memory::device_peak_bytes(self.device);
        self.report
    }
}
