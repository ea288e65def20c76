//! A stage on record: each step for the observer at once, all of them for the report at the end.

use std::time::Duration;

use engine::memory;
use engine::tch::Device;
use protocol::{Occasion, ProgressMeter};

use crate::error::{Result, TrainingError};
use crate::report::{LayoutReport, StageReport};
use crate::samples::SampleReport;
use crate::stage::{StagePlan, StepRecord, Trainee};
use crate::validation::ValidationPoint;

/// Collects a [`StageReport`] and passes each step on to the observer.
pub(crate) struct StageRecorder {
    meter: ProgressMeter,
    began: Duration,
    device: Device,
    report: StageReport,
}

impl StageRecorder {
    /// A record of `plan`, which begins now and changes the parameters of `trainees`; `earlier` is the record of the part that
    /// was interrupted.
    pub(crate) fn begin(
        occasion: &Occasion<'_>,
        plan: &StagePlan<'_>,
        trainees: &[Trainee],
        earlier: Option<StageReport>,
        layout: Option<LayoutReport>,
    ) -> Self {
        let parameters = trainees.iter().flat_map(|trainee| trainee.optimizer.parameters());
        let trained_parameters = parameters.map(|parameter| parameter.master().numel() as u64).sum();
        let mut report = earlier.unwrap_or_else(|| StageReport::new(plan.stage, plan.steps, trained_parameters));
        report.memory_layout = layout;
        let meter = occasion.meter_from(plan.stage, report.losses.len() as u64, plan.steps);
        Self { meter, began: occasion.now(), device: plan.device, report }
    }

    /// Takes down a step that is done.
    pub(crate) fn record(&mut self, step: StepRecord, occasion: &mut Occasion<'_>) {
        self.report.take(step);
        occasion.step(&self.meter, step.step, Some(step.loss));
    }

    /// Whether the stage was measured after `step` steps.
    pub(crate) fn has_validated(&self, step: u64) -> bool {
        self.report.validation.iter().any(|point| point.step == step)
    }

    /// Whether samples were drawn after `step` steps.
    pub(crate) fn has_sampled(&self, step: u64) -> bool {
        self.report.samples.iter().any(|sample| sample.step == step)
    }

    /// Takes down a measurement. One of the same step, made before the training was left and resumed, gives way.
    pub(crate) fn validated(&mut self, point: ValidationPoint) {
        self.report.validation.retain(|earlier| earlier.step != point.step);
        self.report.validation.push(point);
    }

    /// Takes down a sample picture, likewise.
    pub(crate) fn sampled(&mut self, sample: SampleReport) {
        self.report.samples.retain(|earlier| earlier.file != sample.file);
        self.report.samples.push(sample);
    }

    /// The record until now.
    pub(crate) fn so_far(&self, occasion: &Occasion<'_>) -> StageReport {
        let mut report = self.report.clone();
        report.seconds += occasion.now().saturating_sub(self.began).as_secs_f64();
        report.its_per_s = report.losses.len() as f64 / report.seconds.max(1e-9);
        report.seconds_per_step = report.seconds / (report.losses.len() as f64).max(1.0);
        report.peak_rss_bytes = report.peak_rss_bytes.max(memory::peak_rss_bytes());
        report.peak_device_bytes = report.peak_device_bytes.max(memory::device_peak_bytes(self.device));
        report
    }
}

/// [`TrainingError::Stopped`] once the training is to be left.
pub(crate) fn go_on(occasion: &Occasion<'_>) -> Result<()> {
    if occasion.should_stop() { Err(TrainingError::Stopped) } else { Ok(()) }
}
