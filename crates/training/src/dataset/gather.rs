//! From folders to photos with captions, before any of them is decoded.

use std::path::Path;

use protocol::{Concept, TrainSettings};

use super::files::{self, Found};
use super::{CaptionSource, DataRules, Folders, IMAGES_MAX, LeftOut, Photo, Remark, Role, remark};
use crate::caption;
use crate::error::{Result, TrainingError};
use crate::report::Preview;

/// Every picture of the data set.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) instances: Vec<Photo>,
    pub(super) class: Vec<Photo>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) remarks: Vec<Remark>,
}

/// What the images of one folder are captioned with.
struct Labels<'a> {
    root: &'a Path,
    concept: usize,
    role: Role,
    /// The concept's name.
    concept_name: Option<&'a str>,
    /// The class prompt.
    class_prompt: Option<&'a str>,
    rules: &'a DataRules,
}

impl Candidates {
    /// Looks into the folders: one of each concept, or all for the only one.
    pub(super) fn find(folders: Folders<'_>, settings: &TrainSettings, rules: &DataRules) -> Result<Self> {
        let mut candidates = Self::default();
        if settings.concepts.is_empty() {
            let found = files::find(folders.images)?;
            let found_class = folders.class_images.map(files::find).transpose()?;
            if found.images.is_empty() {
                return Err(no_images(&found, folders.images));
            }
            let names = (settings.concept_name.as_deref(), settings.class_prompt.as_deref());
            candidates.add(0, names, folders, rules, found, found_class);
        }
        for (index, concept) in settings.concepts.iter().enumerate() {
            let found = files_of(concept, folders.images)?;
            let class_dir = folders.class_images.map(|dir| dir.join(&concept.folder)).filter(|dir| dir.is_dir());
            let found_class = class_dir.as_deref().map(files::find).transpose()?;
            let class_prompt = concept.class_prompt.as_ref().or(settings.class_prompt.as_ref());
            let names = (Some(concept.name.as_str()), class_prompt.map(String::as_str));
            candidates.add(index, names, folders, rules, found, found_class);
        }
        candidates.refuse_numbers()?;
        Ok(candidates)
    }

    /// Adds the pictures of one concept, which has a name and a class prompt.
    fn add(
        &mut self,
        concept: usize,
        (concept_name, class_prompt): (Option<&str>, Option<&str>),
        folders: Folders<'_>,
        rules: &DataRules,
        found: Found,
        found_class: Option<Found>,
    ) {
        let instance =
            Labels { root: folders.images, concept, role: Role::Instance, concept_name, class_prompt: None, rules };
        self.add_folder(found, &instance);
        if let (Some(found), Some(root)) = (found_class, folders.class_images) {
            let class = Labels { root, role: Role::Class, concept_name: None, class_prompt, ..instance };
            self.add_folder(found, &class);
        }
    }

    fn add_folder(&mut self, found: Found, labels: &Labels<'_>) {
        for path in found.images {
            let (caption, caption_source) = self.caption(&path, labels);
            let photo = Photo {
                name: below(labels.root, &path).to_path_buf(),
                caption,
                caption_source,
                concept: labels.concept,
                role: labels.role,
                exif_orientation: labels.rules.exif_orientation,
                size: (0, 0),
                preview: Preview::default(),
                path,
            };
            match labels.role {
                Role::Instance => self.instances.push(photo),
                Role::Class => self.class.push(photo),
            }
        }
        self.left_out.extend(found.foreign.iter().map(|path| LeftOut {
            name: below(labels.root, path).display().to_string(),
            role: labels.role,
            reason: "its format is not read; save it as .jpg or .png".into(),
        }));
    }

    /// The caption of the image at `path`, and where it comes from.
    fn caption(&mut self, path: &Path, labels: &Labels<'_>) -> (String, CaptionSource) {
        if let Some(prompt) = labels.class_prompt {
            return (prompt.to_owned(), CaptionSource::ClassPrompt);
        }
        let without_file = match labels.concept_name {
            Some(name) => {
                (caption::from_concept_name(name, labels.rules.verbatim_concept_name), CaptionSource::ConceptName)
            }
            None => (caption::from_file_name(path), CaptionSource::FileName),
        };
        if !labels.rules.caption_files {
            return without_file;
        }
        match caption::from_file_beside(path) {
            Ok(Some(caption)) => (caption, CaptionSource::CaptionFile),
            Ok(None) => without_file,
            Err(unusable) => {
                let file = below(labels.root, &unusable.path).display().to_string();
                self.remarks.push(remark::caption_file(file, &unusable.reason, &without_file.0));
                without_file
            }
        }
    }

    fn refuse_numbers(&self) -> Result<()> {
        if self.instances.len() > IMAGES_MAX {
            return Err(TrainingError::TooManyImages { found: self.instances.len(), most: IMAGES_MAX });
        }
        if self.class.len() > IMAGES_MAX {
            return Err(TrainingError::TooManyClassImages { found: self.class.len(), most: IMAGES_MAX });
        }
        Ok(())
    }
}

/// What is wrong with a data set in `dir` that holds no images: perhaps it holds pictures of other formats.
fn no_images(found: &Found, dir: &Path) -> TrainingError {
    match found.foreign.first() {
        None => TrainingError::NoImages,
        Some(path) => {
            TrainingError::ForeignImages { files: found.foreign.len(), example: below(dir, path).to_path_buf() }
        }
    }
}

/// The pictures of a concept, in its folder below `dir`.
fn files_of(concept: &Concept, dir: &Path) -> Result<Found> {
    let folder = dir.join(&concept.folder);
    let problem = if folder.is_dir() {
        let found = files::find(&folder)?;
        if !found.images.is_empty() {
            return Ok(found);
        }
        "holds no images; put .jpg, .jpeg, .png, .webp or .bmp files into it"
    } else {
        "is not in the data set; name a folder at the root of the zip"
    };
    Err(TrainingError::ConceptFolder { concept: concept.name.clone(), folder: concept.folder.clone(), problem })
}

fn below<'a>(root: &Path, path: &'a Path) -> &'a Path {
    path.strip_prefix(root).unwrap_or(path)
}
