//! Which sample pictures are compared: those before the first step of the training and those after its last one.

use image::{ImageFormat, RgbImage};

use crate::report::{Report, StageReport};
use crate::samples::SampleReport;

/// Pictures of the same prompt and seed.
pub(super) struct Pair {
    pub(super) prompt: String,
    pub(super) seed: u64,
    /// The base model's.
    pub(super) before: Option<RgbImage>,
    /// The trained model's.
    pub(super) after: RgbImage,
}

/// The pictures after the last step, each with that before the first if it is there.
pub(super) fn first_and_last(report: &Report, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Vec<Pair> {
    let picture = |sample: &SampleReport| {
        let png = read(&sample.file)?;
        Some(image::load_from_memory_with_format(&png, ImageFormat::Png).ok()?.into_rgb8())
    };
    let (Some(first), Some(last)) = (report.stages.first(), report.stages.last()) else { return Vec::new() };
    let pair = |sample: &SampleReport| {
        let is_same = |other: &&SampleReport| other.prompt == sample.prompt && other.seed == sample.seed;
        let before = after_step(first, 0).find(is_same).and_then(picture);
        Some(Pair { prompt: sample.prompt.clone(), seed: sample.seed, before, after: picture(sample)? })
    };
    after_step(last, last.steps).filter_map(pair).collect()
}

fn after_step(stage: &StageReport, step: u64) -> impl Iterator<Item = &SampleReport> {
    stage.samples.iter().filter(move |sample| sample.step == step)
}
