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
    eprintln!("drawing the concept: a red toy robot, \"{}\"", settings::CONCEPT);
    let training = concept::pictures();
    let zip = concept::zip(&training)?;
    write(&out.join("concept.zip"), &zip)?;
    let data_url = file_server::serve("/concept.zip", "application/zip", zip).map_err(DemoError::Port)?;

    let service = Service::start(binary, &out.join("data"), &out.join("service.log"))?;
    eprintln!("the service listens on {}; submitting the job", service.address);
    let client = Client::new(&service);
    let request = settings::request(&data_url);
    write(&out.join("request.json"), format!("{request:#}\n").as_bytes())?;
    let id = client.run(&request)?;
    let job = follow::follow(&client, &id)?;
    let results = fetch(&client, &request, &job, &out)?;

    let sheet = out.join("contact-sheet.png");
    save(&sheet::sheet(settings::CONCEPT, &training, &results), &sheet)?;
    let result = out.join("result.json");
    write(&result, format!("{job:#}\n").as_bytes())?;
    drop(service);
    println!("{job:#}");
    eprintln!("{} pictures, {} and {}", results.len(), sheet.display(), result.display());
    if let Some(note) = settings::MODEL_NOTE {
        eprintln!("note: {note}");
    }
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

/// Downloads every picture through its URL, keeps it as `{item}-{image}.png`, and gives it with its prompt.
fn fetch(client: &Client, request: &Value, job: &Value, out: &Path) -> Result<Vec<(String, RgbImage)>, DemoError> {
    let mut results = Vec::new();
    let items = job["output"]["inference"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (item, answer) in items.iter().enumerate() {
        let prompt = request["input"]["inference"][item]["prompt"].as_str().unwrap_or_default();
        for (index, url) in answer["images"].as_array().into_iter().flatten().enumerate() {
            let name = format!("{item}-{index}.png");
            let bytes = client.file(url.as_str().unwrap_or_default())?;
            write(&out.join(&name), &bytes)?;
            let picture = image::load_from_memory(&bytes);
            let picture = picture.map_err(|error| DemoError::Picture { name, reason: error.to_string() })?;
            results.push((prompt.to_owned(), picture.into_rgb8()));
        }
    }
    if results.is_empty() {
        let answer = format!("without a picture: {}", job["output"]);
        return Err(DemoError::Answer { request: "GET /status".into(), answer });
    }
    Ok(results)
}
