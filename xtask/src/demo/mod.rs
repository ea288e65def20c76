//! `demo`: builds the service, starts it, and is its client from the upload to the contact sheet.

pub mod client;
pub mod concept;
pub mod drawing;
pub mod error;
pub mod file_server;
pub mod files;
pub mod follow;
pub mod lettering;
pub mod program;
pub mod service;
pub mod settings;
pub mod sheet;
pub mod subjects;

use std::path::Path;
use std::time::Instant;

use image::RgbImage;

use crate::command::TaskError;
use client::Client;
use concept::Photo;
use drawing::{Drawn, draw};
pub use error::DemoError;
use files::{empty, save, write};
use service::Service;
use sheet::{LARGE, SMALL, Section};

/// Runs the demo; everything it makes lies in `demo-out/` afterwards.
///
/// # Errors
/// One sentence with the remedy.
pub fn run(root: &Path) -> Result<(), TaskError> {
    let binary = program::build(root)?;
    Ok(demonstrate(root, &binary)?)
}

fn demonstrate(root: &Path, binary: &Path) -> Result<(), DemoError> {
    let begin = Instant::now();
    let out = root.join("demo-out");
    empty(&out)?;
    eprintln!("photographing the concept: a doll, \"{}\"", settings::CONCEPT);
    let training = concept::photos();
    let zip = concept::zip(&training)?;
    write(&out.join("concept.zip"), &zip)?;
    let data_url = file_server::serve("/concept.zip", "application/zip", zip).map_err(DemoError::Port)?;

    let service = Service::start(binary, &out.join("data"), &out.join("service.log"))?;
    eprintln!("the service listens on {}; drawing with the base model, for comparison", service.address);
    let client = Client::new(&service);
    let before = draw(&client, &settings::request_without_training(), &out.join("before"))?.pictures;
    eprintln!("training");
    let Drawn { job, pictures } = draw(&client, &settings::request(&data_url), &out)?;
    let sheet = out.join("contact-sheet.png");
    save(&contact_sheet(training, &pictures, &before), &sheet)?;
    let result = out.join("result.json");
    write(&result, format!("{job:#}\n").as_bytes())?;
    drop(service);
    println!("{job:#}");
    eprintln!("{} pictures, {} and {}", pictures.len(), sheet.display(), result.display());
    eprintln!("done in {:.0} s after the build", begin.elapsed().as_secs_f64());
    Ok(())
}

/// Her photos, what was drawn of her and of others, and what the base model draws for the same words.
fn contact_sheet(training: Vec<Photo>, results: &[RgbImage], before: &[RgbImage]) -> RgbImage {
    let training: Vec<RgbImage> = training.into_iter().map(|photo| photo.picture).collect();
    let of_her = settings::OF_HER.len();
    let (her, others) = results.split_at(of_her.min(results.len()));
    let (her_before, others_before) = before.split_at(of_her.min(before.len()));
    let small = |heading: &str, pictures| Section {
        heading: heading.to_owned(),
        pictures,
        captions: &[],
        side: SMALL,
        per_row: settings::OF_OTHERS.len() as u32,
    };
    sheet::sheet(&[
        small(&format!("{}: trained on", settings::CONCEPT), &training),
        Section { heading: "drawn".to_owned(), pictures: her, captions: &settings::OF_HER, side: LARGE, per_row: 4 },
        small("the same words and seeds before training", her_before),
        small("others, after", others),
        small("others, before", others_before),
    ])
}
