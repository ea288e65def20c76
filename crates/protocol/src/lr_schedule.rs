//! The names of the learning-rate schedules. The formulas are in the training crate.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::value::FromJson;

/// How the learning rate changes over a stage, as diffusers names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrScheduler {
    /// Falls evenly to 0.
    Linear,
    /// Half a cosine wave to 0.
    Cosine,
    /// Cosine with hard restarts; with the one cycle of the original endpoint the same as `cosine`.
    CosineWithRestarts,
    /// Falls evenly to 1e-7 (power 1).
    Polynomial,
    /// Does not change.
    Constant,
    /// Does not change after a warm-up; with the original's warm-up of 0 the same as `constant`.
    ConstantWithWarmup,
}

impl FromJson for LrScheduler {
    const TYPE: &'static str = "string";
    const CLOSED: bool = true;

    fn expected() -> String {
        "one of linear, cosine, cosine_with_restarts, polynomial, constant, constant_with_warmup".into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        serde_json::from_value(value.clone()).ok()
    }
}
