//! The images: what was trained on and as what, what was left out, and what is to be said about them.

use maud::{Markup, html};

use super::numbers::{count_of, grouped};
use super::picture;
use crate::dataset::{CaptionSource, Role};
use crate::report::{ImageReport, Report};

/// Most images of a table, with about 4 kB of picture each.
const SHOWN_MAX: usize = 40;
/// Most files that are told of one by one.
const LEFT_OUT_MAX: usize = 100;

pub(super) fn section(report: &Report) -> Markup {
    html! {
        section aria-labelledby="images" {
            h2 id="images" { "Images" }
            p.lead { (summary(report)) }
            @if !report.remarks.is_empty() {
                ul.remarks { @for remark in &report.remarks { li { (remark.sentence) } } }
            }
            (table(report, &report.images, "Trained on"))
            (table(report, &report.held_out, "Held out: only measured on"))
            (table(report, &report.class_images, "Of the class"))
            (left_out(report))
        }
    }
}

fn summary(report: &Report) -> String {
    let mut parts = vec![format!("{} trained on", count_of(report.images.len(), "photo"))];
    let others = [
        (report.held_out.len(), "held out"),
        (report.class_images.len(), "of the class"),
        (report.left_out.len(), "left out"),
    ];
    parts.extend(others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    parts.join(", ") + "."
}

fn table(report: &Report, images: &[ImageReport], title: &str) -> Markup {
    let several = report.parameters.concepts.len() > 1;
    let row = |image: &ImageReport| {
        html! {
            tr {
                td.thumb { @if let Some(address) = picture::address(&image.preview) { img src=(address) alt=""; } }
                th scope="row" { (image.file) }
                td { @if image.caption.is_empty() { em { "none" } } @else { (image.caption) } }
                td.quiet { (source(image)) }
                @if several { td { (concept(report, image)) } }
                td.number { (image.width) " × " (image.height) }
            }
        }
    };
    if images.is_empty() {
        return html! {};
    }
    html! {
        details open[images.len() <= SHOWN_MAX && images[0].role == Role::Instance] {
            summary { (title) " (" (images.len()) ")" }
            div.scroll {
                table.images {
                    thead {
                        tr {
                            th scope="col" { span.unseen { "Picture" } }
                            th scope="col" { "File" }
                            th scope="col" { "Caption" }
                            th scope="col" { "from" }
                            @if several { th scope="col" { "Concept" } }
                            th.number scope="col" { "Pixels" }
                        }
                    }
                    tbody { @for image in images.iter().take(SHOWN_MAX) { (row(image)) } }
                }
            }
            (more(images.len(), SHOWN_MAX))
        }
    }
}

fn source(image: &ImageReport) -> &'static str {
    match image.caption_source {
        CaptionSource::ConceptName => "concept_name",
        CaptionSource::CaptionFile => "caption file",
        CaptionSource::FileName => "file name",
        CaptionSource::ClassPrompt => "class_prompt",
    }
}

fn concept<'a>(report: &'a Report, image: &ImageReport) -> &'a str {
    report.parameters.concepts.get(image.concept).map_or("", |concept| concept.name.as_str())
}

fn left_out(report: &Report) -> Markup {
    if report.left_out.is_empty() {
        return html! {};
    }
    html! {
        h3 { "Left out" }
        div.scroll {
            table {
                thead { tr { th scope="col" { "File" } th scope="col" { "Why" } } }
                tbody {
                    @for file in report.left_out.iter().take(LEFT_OUT_MAX) {
                        tr { th scope="row" { (file.name) } td { (file.reason) } }
                    }
                }
            }
        }
        (more(report.left_out.len(), LEFT_OUT_MAX))
    }
}

fn more(all: usize, shown: usize) -> Markup {
    let more = all.saturating_sub(shown) as u64;
    html! { @if more > 0 { p.note { "And " (grouped(more)) " more, all of them in train.json." } } }
}
