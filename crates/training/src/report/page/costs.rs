//! What the training took: time and memory.

use maud::{Markup, html};
use protocol::Stage;

use super::numbers::{bytes, duration, share, three_digits};
use super::stages::name;
use crate::report::{Report, StageReport};

/// A part of the training's time.
struct Part {
    name: String,
    class: &'static str,
    seconds: f64,
    stage: Option<(usize, f64)>,
}

pub(super) fn section(report: &Report) -> Markup {
    html! {
        section aria-labelledby="costs" {
            h2 id="costs" { "Time and memory" }
            (time(report))
            (memory(report))
        }
    }
}

fn time(report: &Report) -> Markup {
    let parts = parts(report);
    let total = report.total_s.max(1e-9);
    html! {
        div.bar aria-hidden="true" {
            @for part in &parts {
                @let width = format!("width:{:.2}%", 100.0 * part.seconds / total);
                span class=(part.class) style=(width) {}
            }
        }
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { "Part" }
                        th.number scope="col" { "Time" }
                        th.number scope="col" { "Share" }
                        th.number scope="col" { "Steps" }
                        th.number scope="col" { "s per step" }
                    }
                }
                tbody {
                    @for part in &parts {
                        tr {
                            th.part scope="row" { span class=(format!("swatch {}", part.class)) {} (part.name) }
                            td.number { (duration(part.seconds)) }
                            td.number { (share(part.seconds, total)) }
                            @if let Some((steps, of_each)) = part.stage {
                                td.number { (super::numbers::grouped(steps as u64)) }
                                td.number { (three_digits(of_each)) }
                            } @else { td {} td {} }
                        }
                    }
                }
                tfoot {
                    tr { th scope="row" { "All" } td.number { (duration(report.total_s)) } td {} td {} td {} }
                }
            }
        }
    }
}

/// What the time went into, in its order.
fn parts(report: &Report) -> Vec<Part> {
    let plain = |name: &str, class, seconds| Part { name: name.into(), class, seconds, stage: None };
    let mut parts = vec![plain("Images", "prepare", report.prepare_s)];
    parts.extend(report.stages.iter().map(|stage| Part {
        name: name(report, stage.stage),
        class: if stage.stage == Stage::Text { "text" } else { "unet" },
        seconds: stage.seconds,
        stage: Some((stage.losses.len(), stage.seconds_per_step)),
    }));
    parts.extend(report.export_s.map(|seconds| plain("Model written", "export", seconds)));
    let rest = report.total_s - parts.iter().map(|part| part.seconds).sum::<f64>();
    if rest > 0.0 {
        parts.push(plain("Loading and the rest", "rest", rest));
    }
    parts
}

fn memory(report: &Report) -> Markup {
    let on_device = report.stages.iter().any(|stage| stage.peak_device_bytes.is_some());
    let notes: Vec<&str> =
        report.stages.iter().filter_map(|stage| stage.memory_layout.as_ref()?.note.as_deref()).collect();
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { "Peak memory" }
                        th.number scope="col" { "Process" }
                        @if on_device { th.number scope="col" { "Accelerator" } }
                        th scope="col" { "Computes in" }
                        th scope="col" { "Gradients" }
                        th scope="col" { "Activations" }
                        th scope="col" { "Adam" }
                    }
                }
                tbody {
                    tr {
                        th scope="row" { "Images" }
                        td.number { (bytes(report.prepare_peak_rss_bytes)) }
                        @if on_device { td {} }
                        td {} td {} td {} td {}
                    }
                    @for stage in &report.stages {
                        tr {
                            th scope="row" { (name(report, stage.stage)) }
                            td.number { (bytes(stage.peak_rss_bytes)) }
                            @if on_device { td.number { (stage.peak_device_bytes.map(bytes).unwrap_or_default()) } }
                            (layout(stage))
                        }
                    }
                }
            }
        }
        @for note in notes { p.note { (note) } }
    }
}

fn layout(stage: &StageReport) -> Markup {
    let Some(layout) = &stage.memory_layout else { return html! { td {} td {} td {} td {} } };
    html! {
        td { (layout.compute) }
        td { (layout.gradients) }
        td { @if layout.recomputed { "computed again" } @else { "kept" } }
        td { @if layout.adam_8_bit { "8-bit" } @else { "32-bit" } }
    }
}

/// The most memory that a stage held, and what of: the accelerator's where there is one.
pub(super) fn peak(report: &Report) -> (u64, &'static str) {
    match report.stages.iter().filter_map(|stage| stage.peak_device_bytes).max() {
        Some(bytes) => (bytes, "Peak memory of the accelerator"),
        None => {
            let stages = report.stages.iter().map(|stage| stage.peak_rss_bytes);
            (stages.chain([report.prepare_peak_rss_bytes]).max().unwrap_or(0), "Peak memory")
        }
    }
}
