//! The curves of each stage.

use maud::{Markup, html};
use protocol::{Stage, TextTraining};

use super::axis::Axis;
use super::numbers::{about, count_of, grouped, three_digits};
use super::plot::{Line, Plot};
use super::reduce::{Point, extremes, smoothed};
use crate::report::{Report, StageReport};

/// Most measurements that are marked in their curve.
const MARKED_MAX: usize = 40;

pub(super) fn sections(report: &Report) -> Markup {
    html! {
        @for stage in &report.stages {
            @let id = format!("stage-{}", stage.stage);
            section aria-labelledby=(id) {
                h2 id=(id) { (name(report, stage.stage)) }
                p.lead {
                    (count_of(stage.losses.len(), "step")) " on " (about(stage.trained_parameters)) " numbers, "
                    (three_digits(stage.seconds_per_step)) " s per step."
                }
                div.plots {
                    (loss(stage).figure())
                    @if !stage.validation.is_empty() { (validation(stage).figure()) }
                    (learning_rate(stage).figure())
                    (gradient_norm(stage).figure())
                }
            }
        }
    }
}

/// What a stage trained.
pub(super) fn name(report: &Report, stage: Stage) -> String {
    match stage {
        Stage::Text => "Text encoder".into(),
        Stage::Unet if report.recipe.text_training == TextTraining::JointKeep && report.parameters.text_steps > 0 => {
            "UNet and text encoder".into()
        }
        Stage::Unet => "UNet".into(),
        other => other.to_string(),
    }
}

fn loss(stage: &StageReport) -> Plot<'_> {
    let (raw, mean) = (extremes(&stage.losses), smoothed(&stage.losses));
    Plot {
        id: format!("loss-{}", stage.stage),
        title: "Loss",
        description: from_to("The smoothed loss", &mean),
        x: Axis::steps(stage.losses.len() as u64),
        y: Axis::from_zero(values(&raw)),
        lines: vec![line("each step", "raw", raw), line("smoothed", "main", mean)],
    }
}

fn validation(stage: &StageReport) -> Plot<'_> {
    let concept: Vec<Point> = stage.validation.iter().map(|point| (point.step as f64, point.concept)).collect();
    let of_class = stage.validation.iter().filter_map(|point| Some((point.step as f64, point.class?)));
    let class: Vec<Point> = of_class.collect();
    let mut description = from_to("The validation loss on the concept", &concept);
    let y = Axis::around(values(&concept).chain(values(&class)));
    let mut lines = vec![measured("concept", "main", concept)];
    if !class.is_empty() {
        description += &from_to(" That on its class", &class);
        lines.push(measured("class", "other", class));
    }
    let (id, x) = (format!("validation-{}", stage.stage), Axis::steps(stage.losses.len() as u64));
    Plot { id, title: "Validation loss", description, x, y, lines }
}

fn learning_rate(stage: &StageReport) -> Plot<'_> {
    let points = extremes(&stage.learning_rates);
    Plot {
        id: format!("rate-{}", stage.stage),
        title: "Learning rate",
        description: from_to("The learning rate", &points),
        x: Axis::steps(stage.learning_rates.len() as u64),
        y: Axis::from_zero(values(&points)),
        lines: vec![line("", "main", points)],
    }
}

fn gradient_norm(stage: &StageReport) -> Plot<'_> {
    let (raw, mean) = (extremes(&stage.gradient_norms), smoothed(&stage.gradient_norms));
    Plot {
        id: format!("gradient-{}", stage.stage),
        title: "Gradient norm",
        description: from_to("The smoothed norm of the gradient before clipping", &mean),
        x: Axis::steps(stage.gradient_norms.len() as u64),
        y: Axis::of_magnitudes(values(&raw)),
        lines: vec![line("each step", "raw", raw), line("smoothed", "main", mean)],
    }
}

fn line<'a>(name: &'a str, class: &'a str, points: Vec<Point>) -> Line<'a> {
    Line { name, class, points, marked: false }
}

fn measured<'a>(name: &'a str, class: &'a str, points: Vec<Point>) -> Line<'a> {
    let kept = if points.len() > MARKED_MAX { thinned(&points) } else { points };
    Line { marked: kept.len() <= MARKED_MAX, name, class, points: kept }
}

/// As few points as a curve may have.
fn thinned(points: &[Point]) -> Vec<Point> {
    let stride = points.len().div_ceil(super::reduce::POINTS_MAX);
    points.iter().copied().step_by(stride).collect()
}

fn values(points: &[Point]) -> impl Iterator<Item = f64> {
    points.iter().map(|&(_, value)| value)
}

/// A curve in a sentence.
fn from_to(what: &str, points: &[Point]) -> String {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) => format!(
            "{what} is {} at step {} and {} at step {}.",
            three_digits(first.1),
            grouped(first.0 as u64),
            three_digits(last.1),
            grouped(last.0 as u64)
        ),
        _ => format!("{what} was not taken down."),
    }
}
