//! How like the concept and their prompts the sample pictures are, before and after, as a table.

use maud::{Markup, html};

use super::numbers::count_of;
use crate::fidelity::{Fidelity, Scores};
use crate::report::Report;

pub(super) fn section(report: &Report) -> Markup {
    let Some(fidelity) = &report.fidelity else { return html! {} };
    let rows = [
        ("DINO", "like the photos", number_of(fidelity, |scores| scores.dino)),
        ("CLIP-I", "like the photos", number_of(fidelity, |scores| scores.clip_i)),
        ("CLIP-T", "like the prompts", number_of(fidelity, |scores| scores.clip_t)),
    ];
    html! {
        section aria-labelledby="fidelity" {
            h2 id="fidelity" { "How like the concept its pictures are" }
            div.scroll {
                table {
                    thead {
                        tr {
                            th scope="col" { "Metric" }
                            th scope="col" { "Pictures are" }
                            th.number scope="col" { "Base model" }
                            th.number scope="col" { "Trained" }
                            th.number scope="col" { "Photos among themselves" }
                        }
                    }
                    tbody {
                        @for (name, what, numbers) in &rows {
                            @if let [_, Some(_), _] = numbers {
                                tr {
                                    th scope="row" { (name) }
                                    td { (what) }
                                    @for number in numbers { td.number { (shown(*number)) } }
                                }
                            }
                        }
                    }
                }
            }
            p.note { (meaning(fidelity)) }
        }
    }
}

/// Before, after, and of the photos.
fn number_of(fidelity: &Fidelity, number: fn(&Scores) -> Option<f64>) -> [Option<f64>; 3] {
    [fidelity.before.as_ref().and_then(number), number(&fidelity.after), number(&fidelity.among_photos)]
}

fn shown(number: Option<f64>) -> String {
    number.map_or_else(|| "—".to_owned(), |number| format!("{number:.3}").replace('-', "−"))
}

/// What the numbers mean, and what they are of.
fn meaning(fidelity: &Fidelity) -> Markup {
    let (prompts, photos) = (count_of(fidelity.prompts.len(), "prompt"), count_of(fidelity.photos, "photo"));
    let models: Vec<&str> =
        [&fidelity.clip_model, &fidelity.dino_model].into_iter().flatten().map(String::as_str).collect();
    html! {
        "Mean cosine similarity over " (prompts) " and " (photos) ", judged by " (models.join(" and ")) " as in the DreamBooth \
         paper. DINO and CLIP-I up: the concept is met better, at best as well as the photos meet each other. CLIP-T down: \
         prompts are followed less, because the photos are learnt by heart."
    }
}
