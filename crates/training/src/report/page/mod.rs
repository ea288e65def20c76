//! `train.html`: the report of a training as one page that needs nothing but itself: no script, no font, no file beside it.
//!
//! Templates are maud's, which escapes every text that it is given. The same report makes the same bytes.
//!
//! # Layout
//! - `learnt`, `fidelity`, `stages`, `samples`, `images`, `costs`, `settings`: the page's sections, from top to bottom
//! - `plot`, `axis`, `reduce`: a curve as SVG, however many steps it has
//! - `numbers`, `picture`: numbers in words, pictures in addresses

mod axis;
mod costs;
mod fidelity;
mod images;
mod learnt;
mod numbers;
mod picture;
mod plot;
mod reduce;
mod samples;
mod settings;
mod stages;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use protocol::NetworkKind;

use super::Report;
use crate::exported::ExportedWeights;

/// Light and dark, wide and narrow.
const STYLE: &str = include_str!("style.css");

/// The page of `report`. `read_sample` gives the PNG file of a sample picture by its name; what it cannot give is left out.
pub fn page(report: &Report, read_sample: &dyn Fn(&str) -> Option<Vec<u8>>) -> String {
    let title = title(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · training report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.kind { "Training report" }
                    h1 { (title) }
                    p.lead { (lead(report)) }
                    (key_figures(report))
                }
                main {
                    (learnt::section(report))
                    (fidelity::section(report))
                    (stages::sections(report))
                    (samples::section(report, read_sample))
                    (images::section(report))
                    (costs::section(report))
                    (settings::section(report))
                }
                footer { p { "dreambooth " (env!("CARGO_PKG_VERSION")) ". All numbers are in train.json beside this page." } }
            }
        }
    };
    page.into_string()
}

/// What was learnt, by the names that were given to it.
fn title(report: &Report) -> String {
    let settings = &report.parameters;
    let several = settings.concepts.iter().map(|concept| concept.name.as_str());
    let names: Vec<&str> = settings.concept_name.as_deref().into_iter().chain(several).collect();
    match (names.as_slice(), report.images.first()) {
        ([], Some(image)) if !image.caption.trim().is_empty() => image.caption.clone(),
        ([], _) => report.base_model.clone(),
        (names, _) => names.join(", "),
    }
}

/// What was done, in a sentence.
fn lead(report: &Report) -> Markup {
    let settings = &report.parameters;
    let what = match settings.network {
        NetworkKind::Full => "All weights".to_owned(),
        NetworkKind::Lora => format!("A LoRA of rank {}", settings.lora_rank),
    };
    let exported = match report.exported_weights {
        ExportedWeights::Last => "The weights of the last step are exported.",
        ExportedWeights::Average => "The moving average of the weights is exported, not the last ones.",
    };
    let on = if report.device == "cpu" { format!("the CPU ({})", report.processor) } else { report.device.clone() };
    html! {
        (what) " of " code { (report.base_model) } ", trained on " (numbers::count_of(report.images.len(), "photo"))
        ", in " (report.precision) " on " (on) ". " (exported)
        @if report.resumed > 0 {
            " The training was interrupted and went on from a checkpoint " (numbers::times(report.resumed)) "."
        }
    }
}

/// The few numbers that are looked for first.
fn key_figures(report: &Report) -> Markup {
    let steps: u64 = report.stages.iter().map(|stage| stage.losses.len() as u64).sum();
    let (memory, of_what) = costs::peak(report);
    html! {
        dl.figures {
            @if let Some(learnt) = &report.learnt {
                (figure("Loss on the concept", &numbers::change(learnt.concept.before, learnt.concept.after)))
                @if let Some(class) = learnt.class {
                    (figure("Loss on its class", &numbers::change(class.before, class.after)))
                }
            }
            (figure("Steps", &numbers::grouped(steps)))
            (figure("Time", &numbers::duration(report.total_s)))
            (figure(of_what, &numbers::bytes(memory)))
        }
    }
}

fn figure(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}
