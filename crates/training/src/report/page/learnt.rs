//! How far the concept was learnt, and whether its class was forgotten, in words.

use maud::{Markup, html};

use super::numbers::{change, grouped, three_digits};
use crate::report::{BeforeAfter, Learnt, Report};
use crate::validation::MeasuredOn;

/// A loss that changed by less than this part of itself has not changed.
const NOTHING: f64 = 0.01;

pub(super) fn section(report: &Report) -> Markup {
    let Some(learnt) = &report.learnt else { return html! {} };
    html! {
        section aria-labelledby="learnt" {
            h2 id="learnt" { "How far the concept was learnt" }
            div.cards {
                (card(of_concept(learnt), learnt.concept, &concept(report, learnt)))
                @if let Some(of_class) = learnt.class {
                    (card("Images of its class", of_class, class(of_class)))
                }
            }
            p.note {
                "Mean denoising loss of the base model and of the trained one, over the same noise and timesteps, which are never \
                 trained on. Down on the concept: learnt. Up on the class: forgotten. Up on held-out photos while the training \
                 loss falls: the photos are learnt by heart."
            }
        }
    }
}

fn card(title: &str, loss: BeforeAfter, meaning: &str) -> Markup {
    html! {
        div.card {
            h3 { (title) }
            p.change { (change(loss.before, loss.after)) }
            p.from { (three_digits(loss.before)) " before → " (three_digits(loss.after)) " after" }
            p { (meaning) }
        }
    }
}

fn of_concept(learnt: &Learnt) -> &'static str {
    match learnt.on {
        MeasuredOn::HeldOut => "Held-out photos of the concept",
        MeasuredOn::TrainingPhotos => "The photos trained on",
    }
}

fn ratio(loss: BeforeAfter) -> f64 {
    loss.after / loss.before - 1.0
}

/// What the change on the concept means.
fn concept(report: &Report, learnt: &Learnt) -> String {
    let (change, held_out) = (ratio(learnt.concept), learnt.on == MeasuredOn::HeldOut);
    let verdict = match (change, held_out) {
        _ if change.is_nan() => "The loss cannot be compared.",
        _ if change.abs() < NOTHING => "Hardly anything changed: train longer, or at a higher learning rate.",
        _ if change < 0.0 && held_out => {
            "The concept was learnt: the model knows photos of it better that it has never seen."
        }
        _ if change < 0.0 => {
            "The photos were learnt. Whether also what they have in common, only photos can tell that are held out \
             (held_out_images)."
        }
        (_, true) => {
            "Photos of the concept that were not trained on are drawn worse than before: the others are learnt by heart, or the \
             learning rate is too high. Train shorter, or at a lower rate."
        }
        (_, false) => "Even the photos trained on are drawn worse than before: the learning rate is too high.",
    };
    format!("{verdict}{}", best_point(report, held_out))
}

/// Where the loss was lower than at the end, if it was.
fn best_point(report: &Report, held_out: bool) -> String {
    let points = || report.stages.iter().flat_map(|stage| stage.validation.iter().map(|point| (stage.stage, point)));
    let best = points().min_by(|(_, a), (_, b)| a.concept.total_cmp(&b.concept));
    match (best, points().last()) {
        (Some((stage, best)), Some((_, last)))
            if held_out && best.step > 0 && best.concept < last.concept * (1.0 - NOTHING) =>
        {
            let step = grouped(best.step);
            format!(" It was best after step {step} of the {stage} stage and has risen since: fewer steps would do.")
        }
        _ => String::new(),
    }
}

/// What the change on the class means.
fn class(loss: BeforeAfter) -> &'static str {
    match ratio(loss) {
        change if change.is_nan() => "The loss cannot be compared.",
        change if change < -NOTHING => "The class is drawn even better than before.",
        change if change < NOTHING => "The class is what it was.",
        _ => {
            "The class is partly forgotten. A higher prior_loss_weight, more class images or fewer steps keep more of it."
        }
    }
}
