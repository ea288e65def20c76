//! The settings: those that were chosen first, the others folded.

use maud::{Markup, html};
use protocol::TrainSettings;
use protocol::parameter::Parameter;
use serde_json::{Map, Value};

use crate::report::Report;

pub(super) fn section(report: &Report) -> Markup {
    let values = fields(serde_json::to_value(&report.parameters));
    let recipe = fields(serde_json::to_value(report.recipe));
    let value = |row: &Parameter| values.get(row.name).cloned().unwrap_or_default();
    let (chosen, usual): (Vec<&Parameter>, Vec<&Parameter>) =
        TrainSettings::table().iter().partition(|row| row.default.as_ref().is_some_and(|usual| *usual != value(row)));
    let chosen: Vec<(&Parameter, Value)> = chosen.into_iter().map(|row| (row, value(row))).collect();
    // Null stands for what the profile has.
    let resolved =
        |row: &Parameter| Some(value(row)).filter(|value| !value.is_null()).or(recipe.get(row.name).cloned());
    let usual: Vec<(&Parameter, Value)> =
        usual.into_iter().map(|row| (row, resolved(row).unwrap_or_default())).collect();
    html! {
        section aria-labelledby="settings" {
            h2 id="settings" { "Settings" }
            @if chosen.is_empty() && report.parameters.concepts.is_empty() {
                p.lead { "All are at their defaults." }
            } @else {
                (table(report, &chosen, true))
            }
            details {
                summary { "At their defaults (" (usual.len()) ")" }
                (table(report, &usual, false))
            }
        }
    }
}

fn table(report: &Report, rows: &[(&Parameter, Value)], chosen: bool) -> Markup {
    let concepts = if chosen { report.parameters.concepts.as_slice() } else { &[] };
    html! {
        div.scroll {
            table.settings {
                thead {
                    tr {
                        th scope="col" { "Field" }
                        th scope="col" { "Value" }
                        @if chosen { th scope="col" { "Default" } }
                        th scope="col" { "Meaning" }
                    }
                }
                tbody {
                    @for concept in concepts {
                        tr {
                            th scope="row" { code { "concepts" } }
                            td { (concept.name) }
                            td.quiet { "—" }
                            td.quiet { "Images in the folder " (concept.folder) "." }
                        }
                    }
                    @for (row, value) in rows {
                        tr {
                            th scope="row" { code { (row.name) } }
                            td { (text(value)) }
                            @if chosen { td.quiet { (row.default.as_ref().map(text).unwrap_or_default()) } }
                            td.quiet { (meaning(row)) }
                        }
                    }
                }
            }
        }
    }
}

/// What a field is for: the words between backticks are names.
fn meaning(row: &Parameter) -> Markup {
    html! {
        @for (index, text) in row.doc.trim().split('`').enumerate() {
            @if index % 2 == 1 { code { (text) } } @else { (text) }
        }
    }
}

fn fields(object: serde_json::Result<Value>) -> Map<String, Value> {
    match object {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// A value as it is read.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "—".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "—".into(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" · "),
        other => other.to_string(),
    }
}
