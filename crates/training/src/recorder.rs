//! A stage on record: each step for the observer at once, all of them for the report at the end.

use std::time::Duration;

use engine::memory;
use engine::tch::{Device, Tensor};
use protocol::{Occasion, ProgressMeter};

use crate::error::{Result, TrainingError};
use crate::report::StageReport;
use crate::stage::{StageLoop, StepRecord};

/// Collects a [`StageReport`] and passes each step on to the observer.
pub(crate) struct StageRecorder<'a, 'b> {
    occasion: &'a mut Occasion<'b>,
    meter: ProgressMeter,
    began: Duration,
    device: Device,
    report: StageReport,
}

impl<'a, 'b> StageRecorder<'a, 'b> {
    /// A record of `plan`, which begins now and changes the tensors `trained`.
    pub(crate) fn begin(occasion: &'a mut Occasion<'b>, plan: &StageLoop<'_>, trained: &[Tensor]) -> Self {
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
        let meter = occasion.meter(plan.stage, plan.steps);
        Self { meter, began: occasion.now(), occasion, device: plan.device, report }
    }

    /// Takes down a step that is done.
    ///
    /// # Errors
    /// [`TrainingError::Stopped`] when the training is to be left now.
    pub(crate) fn record(&mut self, step: StepRecord) -> Result<()> {
        self.report.losses.push(step.loss);
        self.report.gradient_norms.push(step.gradient_norm);
        self.report.learning_rates.push(step.learning_rate);
        self.occasion.step(&self.meter, step.step, Some(step.loss));
        go_on(self.occasion)
    }

    pub(crate) fn finish(mut self) -> StageReport {
        self.report.seconds = self.occasion.now().saturating_sub(self.began).as_secs_f64();
        self.report.its_per_s = self.report.steps as f64 / self.report.seconds.max(1e-9);
        self.report.peak_rss_bytes = memory::peak_rss_bytes();
        self.report.peak_device_bytes = memory::device_peak_bytes(self.device);
        self.report
    }
}

/// [`TrainingError::Stopped`] once the training is to be left.
pub(crate) fn go_on(occasion: &Occasion<'_>) -> Result<()> {
    if occasion.should_stop() { Err(TrainingError::Stopped) } else { Ok(()) }
}
