//! Sample pictures through time: a row for each prompt, a column for each time they were drawn.

use maud::{Markup, html};
use protocol::Stage;

use super::numbers::grouped;
use super::picture;
use crate::report::Report;
use crate::samples::SampleReport;

/// Most pictures that are shown, about 9 kB each.
const PICTURES_MAX: usize = 64;
/// Their longer side in pixels.
const SIDE: u32 = 192;

/// When samples were drawn.
type Round = (Stage, u64);

pub(super) fn section(report: &Report, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Markup {
    let samples: Vec<(Stage, &SampleReport)> =
        report.stages.iter().flat_map(|stage| stage.samples.iter().map(|sample| (stage.stage, sample))).collect();
    if samples.is_empty() {
        return html! {};
    }
    let (mut prompts, mut rounds): (Vec<(&str, u64)>, Vec<Round>) = (Vec::new(), Vec::new());
    for (stage, sample) in &samples {
        let (prompt, round) = ((sample.prompt.as_str(), sample.seed), (*stage, sample.step));
        if !prompts.contains(&prompt) {
            prompts.push(prompt);
        }
        if !rounds.contains(&round) {
            rounds.push(round);
        }
    }
    let shown = evenly(&rounds, (PICTURES_MAX / prompts.len()).max(2));
    let find = |round: Round, (prompt, seed): (&str, u64)| {
        samples
            .iter()
            .find(|(stage, sample)| (*stage, sample.step) == round && sample.prompt == prompt && sample.seed == seed)
    };
    html! {
        section aria-labelledby="samples" {
            h2 id="samples" { "Samples through time" }
            @if shown.len() < rounds.len() {
                p.lead { (shown.len()) " of " (rounds.len()) " rounds are shown; all pictures are among the files of the job." }
            }
            @for prompt in prompts {
                h3.prompt { "“" (prompt.0) "”" span.seed { " seed " (prompt.1) } }
                ol.film {
                    @for &round in &shown {
                        @if let Some((_, sample)) = find(round, prompt) { (frame(round, sample, read)) }
                    }
                }
            }
        }
    }
}

fn frame((stage, step): Round, sample: &SampleReport, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Markup {
    let address = read(&sample.file).and_then(|png| picture::small(&png, SIDE));
    html! {
        li {
            @match address {
                Some(address) => img src=(address) alt=(format!("{} after step {step} of the {stage} stage", sample.prompt));,
                None => span.missing { (sample.file) },
            }
            span.when { (stage) " " (grouped(step)) }
        }
    }
}

/// At most `count` of them, the first and the last among them.
fn evenly(rounds: &[Round], count: usize) -> Vec<Round> {
    if rounds.len() <= count {
        return rounds.to_vec();
    }
    (0..count).map(|index| rounds[index * (rounds.len() - 1) / (count - 1)]).collect()
}
