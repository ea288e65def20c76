//! Between two steps a checkpoint is written when one is due, and when the stage is left. What cannot be written is told of,
//! once; the training goes on.

use std::time::Duration;

use protocol::{Occasion, Stage};

use super::cadence::Cadence;
use super::manifest::History;
use super::writing::{Checkpoints, WriteError};
use crate::error::Result;
use crate::recorder::StageRecorder;
use crate::stage::{Predict, StagePlan, StageState};
use crate::watch::Duty;

/// Writes the checkpoints of one stage.
#[derive(Debug)]
pub(crate) struct CheckpointDuty<'a> {
    checkpoints: &'a mut Checkpoints,
    /// What happened before this stage began or went on, of which `history.seconds` were over at `since`.
    history: History,
    since: Duration,
    stage: Stage,
    cadence: Cadence,
    /// The step of the newest checkpoint.
    newest: Option<u64>,
}

impl<'a> CheckpointDuty<'a> {
    /// For a stage that begins now, or goes on from the checkpoint at step `newest`; the stages in `history` have ended.
    pub(crate) fn new(
        checkpoints: &'a mut Checkpoints,
        plan: &StagePlan<'_>,
        newest: Option<u64>,
        history: History,
        occasion: &Occasion<'_>,
    ) -> Self {
        let since = occasion.now();
        let cadence = Cadence::new(checkpoints.interval, plan.steps, newest.unwrap_or(0), since);
        Self { checkpoints, history, since, stage: plan.stage, cadence, newest }
    }

    /// What the text stage left is kept before the first step that follows: it costs next to nothing.
    pub(crate) fn keep_text_encoder(&mut self, recorder: &StageRecorder, occasion: &mut Occasion<'_>) {
        if self.newest.is_none() && self.checkpoints.has_text_encoder() {
            let written = self.checkpoints.write(self.stage, 0, None, &self.history(recorder, occasion));
            self.tell(written, occasion);
        }
    }

    fn history(&self, recorder: &StageRecorder, occasion: &Occasion<'_>) -> History {
        let mut history = self.history.clone();
        history.stages.push(recorder.so_far(occasion));
        history.seconds += occasion.now().saturating_sub(self.since).as_secs_f64();
        history
    }

    fn write(&mut self, state: &StageState, recorder: &StageRecorder, occasion: &mut Occasion<'_>) {
        let (began, step) = (occasion.now(), state.position().step);
        let written = self.checkpoints.write(self.stage, step, Some(state), &self.history(recorder, occasion));
        if written.is_ok() {
            self.newest = Some(step);
            self.checkpoints.learn(bytes_of(state), occasion.now().saturating_sub(began));
        }
        self.tell(written, occasion);
        self.cadence.rest(step, occasion.now());
    }

    fn tell(&mut self, written: std::result::Result<(), WriteError>, occasion: &mut Occasion<'_>) {
        let Err(error) = written else { return };
        if !std::mem::replace(&mut self.checkpoints.complained, true) {
            let folder = self.checkpoints.folder.display();
            occasion.warn(format!(
                "A checkpoint could not be written into {folder}: {error}. The training goes on and will try again; until \
                 there is room, an interruption costs what was trained since the last one."
            ));
        }
    }
}

impl Duty for CheckpointDuty<'_> {
    fn is_due(&mut self, step: u64) -> bool {
        self.cadence.is_due(step)
    }

    fn perform(
        &mut self,
        state: &StageState,
        _: &Predict<'_>,
        recorder: &mut StageRecorder,
        occasion: &mut Occasion<'_>,
    ) -> Result<()> {
        let cost = self.checkpoints.cost(bytes_of(state));
        if self.cadence.look(state.position().step, occasion.now(), cost) {
            self.write(state, recorder, occasion);
        }
        Ok(())
    }

    fn leave(&mut self, state: &StageState, recorder: &StageRecorder, occasion: &mut Occasion<'_>) -> Result<()> {
        if self.newest != Some(state.position().step) {
            self.write(state, recorder, occasion);
        }
        Ok(())
    }
}

fn bytes_of(state: &StageState) -> u64 {
    let bytes = |(_, tensor): &(String, engine::tch::Tensor)| tensor.numel() * tensor.kind().elt_size_in_bytes();
    state.state().iter().map(|named| bytes(named) as u64).sum()
}
