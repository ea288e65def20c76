//! Step after step until the stage ends or somebody leaves it.

use engine::tch::Device;

use super::Predict;
use super::plan::StagePlan;
use super::state::{StageState, StepRecord};
use crate::error::Result;

/// Who looks on while a stage is trained.
pub trait StageWatch {
    /// The numbers of a step have arrived; on a GPU the next step is under way by then.
    ///
    /// # Errors
    /// Whatever ends the stage.
    fn record(&mut self, record: StepRecord) -> Result<()>;

    /// Whether [`Self::pause`] wants to see the state after `step` steps. Asked after each.
    fn wants_pause(&mut self, step: u64) -> bool;

    /// The state between two steps, all of whose numbers have been recorded.
    ///
    /// # Errors
    /// Whatever ends the stage.
    fn pause(&mut self, state: &StageState, predict: &Predict<'_>) -> Result<()>;
}

impl StagePlan<'_> {
    /// Trains from where `state` is to the end.
    ///
    /// # Errors
    /// When the loss or the gradient stops being a finite number, or the optimizer fails; then the weights are not to be used.
    /// And the watch's own.
    pub fn run(&self, state: &mut StageState, predict: &Predict<'_>, watch: &mut dyn StageWatch) -> Result<()> {
        let base_rate = state.trainees().first().map_or(0.0, |trainee| trainee.learning_rate.base);
        let mut under_way = None;
        while state.position().step < self.steps {
            let taken = state.step(self, predict)?;
            // The step before is done by now, or soon: reading it holds nothing up.
            if let Some(before) = under_way.replace(taken) {
                watch.record(before.read(self, base_rate)?)?;
            }
            let step = state.position().step;
            // On the CPU nothing is under way behind the host's back.
            if self.device == Device::Cpu
                && let Some(last) = under_way.take()
            {
                watch.record(last.read(self, base_rate)?)?;
            }
            if step == self.steps || watch.wants_pause(step) {
                if let Some(last) = under_way.take() {
                    watch.record(last.read(self, base_rate)?)?;
                }
                watch.pause(state, predict)?;
            }
        }
        Ok(())
    }
}
