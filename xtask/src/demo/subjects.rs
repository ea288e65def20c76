//! `subjects`: real photos on the miniature. It is trained on each folder of photos in turn, through the service as any client
//! would, and what it draws before and after goes onto one sheet. The photos themselves do not.

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;
use serde_json::{Value, json};

use super::client::Client;
use super::concept::Photo;
use super::drawing::draw;
use super::error::DemoError;
use super::files::{empty, save};
use super::service::Service;
use super::sheet::{SMALL, Section, sheet};
use super::{concept, file_server, program};
use crate::command::TaskError;

/// What is asked of each; `{}` is its name.
const PROMPTS: [&str; 5] = [
    "a photo of sks {}",
    "a photo of sks {} on the beach",
    "a photo of sks {} in the snow",
    "a photo of sks {} on the moon",
    "a photo of sks {} on a wooden floor",
];
/// What the subjects of the DreamBooth data set are, by their folders; the others have their folder's name.
const NOUNS: [(&str, &str); 3] = [("cat2", "cat"), ("dog6", "dog"), ("red_cartoon", "cartoon")];
/// Side to which photos are scaled before they are sent, at most.
const PHOTO_SIDE: u32 = 512;

/// Trains on each folder in `concepts` and writes what was drawn to `path`.
///
/// # Errors
/// One sentence with the remedy.
pub fn run(root: &Path, concepts: &Path, path: &Path) -> Result<(), TaskError> {
    let folders = inside(concepts)?;
    if folders.is_empty() {
        return Err(DemoError::Nothing { folder: concepts.to_owned() }.into());
    }
    let binary = program::build(root)?;
    Ok(draw_all(root, &binary, &folders, path)?)
}

fn draw_all(root: &Path, binary: &Path, folders: &[PathBuf], path: &Path) -> Result<(), DemoError> {
    // What the demo itself left stays.
    let (demo, out) = (root.join("demo-out"), root.join("demo-out/subjects"));
    empty(&out)?;
    let service = Service::start(binary, &out.join("data"), &demo.join("service.log"))?;
    let client = Client::new(&service);
    let mut rows = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        eprintln!("{name}");
        rows.push((format!("{name}: before, and after"), before_and_after(&client, &name, folder, &out.join(&name))?));
    }
    drop(service);
    let sections: Vec<Section<'_>> = rows.iter().map(|(heading, pictures)| row(heading, pictures)).collect();
    save(&sheet(&sections), path)?;
    eprintln!("{}", path.display());
    Ok(())
}

/// What the miniature draws without having seen the photos, then with.
fn before_and_after(client: &Client, name: &str, photos: &Path, out: &Path) -> Result<Vec<RgbImage>, DemoError> {
    let zip = concept::zip(&read(photos)?)?;
    let data_url = file_server::serve("/concept.zip", "application/zip", zip).map_err(DemoError::Port)?;
    let noun = NOUNS.into_iter().find(|(folder, _)| *folder == name).map_or(name, |(_, noun)| noun);
    let items = items(noun);
    let mut pictures = draw(client, &json!({"input": {"inference": items}}), &out.join("before"))?.pictures;
    let request = json!({"input": {"train": training(noun, &data_url), "inference": items}});
    pictures.extend(draw(client, &request, out)?.pictures);
    Ok(pictures)
}

fn row<'a>(heading: &str, pictures: &'a [RgbImage]) -> Section<'a> {
    Section { heading: heading.to_owned(), pictures, captions: &[], side: SMALL, per_row: 2 * PROMPTS.len() as u32 }
}

/// The tutorial's training.
fn training(noun: &str, data_url: &str) -> Value {
    json!({"data_url": data_url, "concept_name": format!("a photo of sks {noun}"), "unet_batch_size": 2})
}

fn items(noun: &str) -> Vec<Value> {
    let item = |(prompt, seed): (&str, u64)| json!({"prompt": prompt.replace("{}", noun), "seed": seed, "sampler_name": "Euler a", "steps": 25, "cfg_scale": 5.0});
    PROMPTS.into_iter().zip(1..).map(item).collect()
}

/// The photos of a folder, by their names.
fn read(folder: &Path) -> Result<Vec<Photo>, DemoError> {
    let photo = |path: &PathBuf| {
        let wrong = |error: image::ImageError| DemoError::Picture {
            name: path.display().to_string(),
            reason: error.to_string(),
        };
        let picture = image::open(path).map_err(wrong)?.thumbnail(PHOTO_SIDE, PHOTO_SIDE).into_rgb8();
        Ok(Photo { picture, caption: None })
    };
    inside(folder)?.iter().map(photo).collect()
}

/// What lies in a folder, sorted.
fn inside(folder: &Path) -> Result<Vec<PathBuf>, DemoError> {
    let unreadable = |source| DemoError::Io { action: "read", path: folder.to_owned(), source };
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).map_err(unreadable)?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}
