//! The weights that are exported: the last ones, or their average where one is kept.

use engine::no_grad;
use names::names;

use crate::error::Result;
use crate::stage::{StageState, Trainee};

names! {
    /// Which of its weights a training exports.
    pub enum ExportedWeights: "exported weights" {
        /// Those after the last step.
        Last = "last",
        /// The moving average over the steps (`ema_decay`).
        Average = "average",
    }
}

/// Does `work` while the networks compute with what would be exported now; afterwards every weight is what it was, to the
/// bit. Where no average is kept, nothing moves.
///
/// # Errors
/// `work`'s own, and when memory is short.
pub(crate) fn as_exported<T>(state: &StageState, work: impl FnOnce() -> Result<T>) -> Result<T> {
    state.trainees().iter().try_for_each(exchange)?;
    let done = work();
    state.trainees().iter().try_for_each(exchange)?;
    done
}

/// Weights and averages change places, one tensor after the other: another copy of the network may be more than there is room
/// for.
fn exchange(trainee: &Trainee) -> Result<()> {
    let Some(ema) = &trainee.ema else { return Ok(()) };
    for (parameter, (_, average)) in trainee.optimizer.parameters().iter().zip(ema.averages()) {
        let weights = no_grad(|| parameter.master().copy());
        parameter.load(average)?;
        no_grad(|| average.shallow_clone().f_copy_(&weights))?;
    }
    Ok(())
}
