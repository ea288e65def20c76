//! Who looks on while a stage is trained: takes down every step, does what is due between two of them, and leaves when told.

use protocol::{Leave, Occasion};

use crate::error::{Result, TrainingError};
use crate::recorder::StageRecorder;
use crate::stage::{Predict, StageState, StageWatch, StepRecord};

/// Something that is done between two steps now and then: a checkpoint, a measurement, a sample picture.
pub(crate) trait Duty {
    /// Whether it is to be done after `step` steps.
    fn is_due(&mut self, step: u64) -> bool;

    /// Whether it is to be done before the stage goes on after `step` steps, because it should have been and was not.
    fn is_owed(&mut self, _step: u64, _: &StageRecorder) -> bool {
        false
    }

    /// Does it. What takes long is given up when the occasion says to leave, and done when the stage goes on.
    ///
    /// # Errors
    /// Whatever ends the stage.
    fn perform(
        &mut self,
        state: &StageState,
        predict: &Predict<'_>,
        recorder: &mut StageRecorder,
        occasion: &mut Occasion<'_>,
    ) -> Result<()>;

    /// The stage is left here and shall go on later.
    ///
    /// # Errors
    /// Whatever prevents that.
    fn leave(&mut self, _: &StageState, _: &StageRecorder, _: &mut Occasion<'_>) -> Result<()> {
        Ok(())
    }
}

/// The watch of one stage.
pub(crate) struct Watch<'a, 'o> {
    pub(crate) occasion: &'a mut Occasion<'o>,
    pub(crate) recorder: StageRecorder,
    /// In the order in which they are done when several are due.
    pub(crate) duties: Vec<Box<dyn Duty + 'a>>,
}

impl Watch<'_, '_> {
    /// Does what is still owed where the stage stands now: before the first step, or where an interruption cut it short.
    ///
    /// # Errors
    /// Whatever ends the stage.
    pub(crate) fn begin(&mut self, state: &StageState, predict: &Predict<'_>) -> Result<()> {
        for duty in &mut self.duties {
            if duty.is_owed(state.position().step, &self.recorder) {
                duty.perform(state, predict, &mut self.recorder, self.occasion)?;
            }
        }
        Ok(())
    }
}

impl StageWatch for Watch<'_, '_> {
    fn record(&mut self, record: StepRecord) -> Result<()> {
        self.recorder.record(record, self.occasion);
        Ok(())
    }

    fn wants_pause(&mut self, step: u64) -> bool {
        self.occasion.should_stop() || self.duties.iter_mut().any(|duty| duty.is_due(step))
    }

    fn pause(&mut self, state: &StageState, predict: &Predict<'_>) -> Result<()> {
        for duty in &mut self.duties {
            if duty.is_due(state.position().step) {
                duty.perform(state, predict, &mut self.recorder, self.occasion)?;
            }
        }
        let leave = self.occasion.leave();
        if leave == Some(Leave::Keep) {
            self.duties.iter_mut().try_for_each(|duty| duty.leave(state, &self.recorder, self.occasion))?;
        }
        if leave.is_some() { Err(TrainingError::Stopped) } else { Ok(()) }
    }
}
