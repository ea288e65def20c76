//! The names of the learning-rate schedules. The formulas are in the training crate.

use names::names;

use crate::value::named_fields;

names! {
    /// How the learning rate changes over a stage, as diffusers names it.
    pub enum LrScheduler: "learning-rate schedule" {
        /// Falls evenly to 0.
        Linear = "linear",
        /// Half a cosine wave to 0.
        Cosine = "cosine",
        /// Cosine with hard restarts; with the one cycle of the original endpoint the same as `cosine`.
        CosineWithRestarts = "cosine_with_restarts",
        /// Falls evenly to 1e-7 (power 1).
        Polynomial = "polynomial",
        /// Does not change.
        Constant = "constant",
        /// Does not change after a warm-up; with the original's warm-up of 0 the same as `constant`.
        ConstantWithWarmup = "constant_with_warmup",
    }
}

named_fields!(LrScheduler);
