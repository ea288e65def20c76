//! `demo`: builds the service, starts it, and is its client from the upload to the contact sheet.

pub mod client;
pub mod concept;
pub mod error;
pub mod file_server;
pub mod follow;
pub mod lettering;
pub mod service;
pub mod settings;
pub mod sheet;

use std::fs;
use std::path::Path;
use std::time::Instant;

use image::RgbImage;
use serde_json::Value;

use crate::command::{TaskError, cargo, succeed};
use client::Client;
pub use error::DemoError;
use service::Service;
use sheet::{LARGE, SMALL, Section};

/// Runs the demo; everything it makes lies in `demo-out/` afterwards.
///
/// # Errors
/// One sentence with the remedy.
pub fn run(root: &Path) -> Result<(), TaskError> {
    eprintln!("building the service (the first time takes minutes)");
    // Not the release: libtorch does the work, and an unoptimised program around it builds in half the time, which the tests
    // then need no more.
    succeed(cargo(root)?.args(["build", "--package", "dreambooth"]))?;
    let binary = cargo_target(root)?.join("debug/dreambooth");
    Ok(demonstrate(root, &binary)?)
}

/// The target folder that cargo uses, by its own word.
fn cargo_target(root: &Path) -> Result<std::path::PathBuf, TaskError> {
    let mut metadata = cargo(root)?;
    metadata.args(["metadata", "--no-deps", "--format-version=1", "--offline"]);
    let answer = metadata.output().map_err(|source| crate::command::cannot_start(&metadata, source))?;
    let folder = serde_json::from_slice::<Value>(&answer.stdout).ok();
    let folder = folder.and_then(|metadata| metadata["target_directory"].as_str().map(Into::into));
    Ok(folder.unwrap_or_else(|| root.join("target")))
}

fn demonstrate(root: &Path, binary: &Path) -> Result<(), DemoError> {
    let begin = Instant::now();
    let out = root.join("demo-out");
    empty(&out)?;
    eprintln!("photographing the concept: a doll, \"{}\"", settings::CONCEPT);
    let training = concept::pictures();
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
    save(&contact_sheet(&training, &pictures, &before), &sheet)?;
    let result = out.join("result.json");
    write(&result, format!("{job:#}\n").as_bytes())?;
    drop(service);
    println!("{job:#}");
    eprintln!("{} pictures, {} and {}", pictures.len(), sheet.display(), result.display());
    eprintln!("done in {:.0} s after the build", begin.elapsed().as_secs_f64());
    Ok(())
}

/// An empty folder `out`. What an earlier demo left in it is removed, so that nothing old passes for a result.
fn empty(out: &Path) -> Result<(), DemoError> {
    if out.exists() {
        fs::remove_dir_all(out).map_err(|source| DemoError::Io { action: "empty", path: out.to_owned(), source })?;
    }
    fs::create_dir_all(out).map_err(|source| DemoError::Io { action: "create", path: out.to_owned(), source })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DemoError> {
    fs::write(path, bytes).map_err(|source| DemoError::Io { action: "write", path: path.to_owned(), source })
}

fn save(picture: &RgbImage, path: &Path) -> Result<(), DemoError> {
    let wrong =
        |error: image::ImageError| DemoError::Picture { name: path.display().to_string(), reason: error.to_string() };
    picture.save(path).map_err(wrong)
}

/// What became of a job.
struct Drawn {
    job: Value,
    pictures: Vec<RgbImage>,
}

/// Submits a job, waits for its end and fetches its pictures. The request, too, lies in `folder` afterwards.
fn draw(client: &Client, request: &Value, folder: &Path) -> Result<Drawn, DemoError> {
    fs::create_dir_all(folder).map_err(|source| DemoError::Io { action: "create", path: folder.to_owned(), source })?;
    write(&folder.join("request.json"), format!("{request:#}\n").as_bytes())?;
    let id = client.run(request)?;
    let job = follow::follow(client, &id)?;
    let pictures = fetch(client, &job, folder)?;
    Ok(Drawn { job, pictures })
}

/// Her photos, what was drawn of her and of others, and what the base model draws for the same words.
fn contact_sheet(training: &[RgbImage], results: &[RgbImage], before: &[RgbImage]) -> RgbImage {
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
        small(&format!("{}: trained on", settings::CONCEPT), training),
        Section { heading: "drawn".to_owned(), pictures: her, captions: &settings::OF_HER, side: LARGE, per_row: 4 },
        small("the same words and seeds before training", her_before),
        small("others, after", others),
        small("others, before", others_before),
    ])
}

/// Downloads every picture through its URL, and keeps it as `{item}-{image}.png`.
fn fetch(client: &Client, job: &Value, out: &Path) -> Result<Vec<RgbImage>, DemoError> {
    let mut results = Vec::new();
    let items = job["output"]["inference"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (item, answer) in items.iter().enumerate() {
        for (index, url) in answer["images"].as_array().into_iter().flatten().enumerate() {
            let name = format!("{item}-{index}.png");
            let bytes = client.file(url.as_str().unwrap_or_default())?;
            write(&out.join(&name), &bytes)?;
            let picture = image::load_from_memory(&bytes);
            let picture = picture.map_err(|error| DemoError::Picture { name, reason: error.to_string() })?;
            results.push(picture.into_rgb8());
        }
    }
    if results.is_empty() {
        let answer = format!("without a picture: {}", job["output"]);
        return Err(DemoError::Answer { request: "GET /status".into(), answer });
    }
    Ok(results)
}
