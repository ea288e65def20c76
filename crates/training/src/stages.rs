//! Which stages a training has.

use protocol::{Stage, TextTraining, TrainSettings};

use crate::error::Result;
use crate::recipe::Recipe;
use crate::stage_settings::{Learning, StageSettings};

/// The stages of one training; both are absent where there is nothing to train.
pub(crate) struct Stages {
    pub(crate) text: Option<StageSettings>,
    /// Whether a UNet learns beside the text encoder in its stage, and is thrown away.
    pub(crate) joint: bool,
    pub(crate) unet: Option<StageSettings>,
    /// How the text encoder learns in the UNet stage, and for how many steps, when it does.
    pub(crate) together: Option<(Learning, u64)>,
}

impl Stages {
    pub(crate) fn of(settings: &TrainSettings, recipe: &Recipe) -> Self {
        let some = |stage: StageSettings| (!stage.is_skipped()).then_some(stage);
        let keep_both = recipe.text_training == TextTraining::JointKeep && settings.text_steps > 0;
        Self {
            text: some(StageSettings::text(settings)).filter(|_| recipe.text_training != TextTraining::JointKeep),
            joint: recipe.text_training == TextTraining::Joint,
            unet: some(StageSettings::unet(settings)),
            together: keep_both.then(|| (Learning::text(settings), u64::from(settings.text_steps))),
        }
    }

    /// The first stage and the last one.
    pub(crate) fn ends(&self) -> Option<(Stage, Stage)> {
        let stages = || self.text.iter().chain(&self.unet).map(|stage| stage.stage);
        Some((stages().next()?, stages().next_back()?))
    }

    /// Refuses a learning rate that its schedule cannot start from.
    pub(crate) fn check(&self) -> Result<()> {
        let text = self.text.as_ref().map(|stage| stage.learning).or(self.together.map(|(learning, _)| learning));
        text.map_or(Ok(()), |learning| learning.rate.check("text_learning_rate"))?;
        self.unet.as_ref().map_or(Ok(()), |stage| stage.learning.rate.check("unet_learning_rate"))
    }
}
