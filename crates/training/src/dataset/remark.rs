//! What is peculiar about a data set, told in one sentence each.

use names::names;
use serde::Serialize;

use super::{LeftOut, Photo, Role};
use crate::dataset::look::Look;
use crate::prompts::{CAPTION_TOKENS_MAX, caption_tokens};

names! {
    /// What a remark is about.
    pub enum RemarkKind: "remark" {
        /// Files that are not trained on.
        LeftOut = "left_out",
        /// A caption file that cannot be used.
        CaptionFile = "caption_file",
        /// Images without a caption.
        EmptyCaption = "empty_caption",
        /// Captions of which the text encoder does not read the end.
        LongCaption = "long_caption",
        /// The same picture more than once.
        Duplicate = "duplicate",
        /// Pictures that are nearly the same.
        NearDuplicate = "near_duplicate",
        /// Pictures without detail.
        Blurred = "blurred",
        /// Pictures that are enlarged.
        Small = "small",
        /// Fewer crops than asked for.
        FewerCrops = "fewer_crops",
    }
}

/// Most files that a sentence names.
const NAMED_MAX: usize = 8;

/// Something that the owner of a data set should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// What it is about.
    pub kind: RemarkKind,
    /// All files concerned, as they lie in the data set.
    pub files: Vec<String>,
    /// One sentence that names them, or the first of them.
    pub sentence: String,
}

impl Remark {
    fn new(kind: RemarkKind, files: Vec<String>, sentence: impl FnOnce(&str) -> String) -> Self {
        let sentence = sentence(&listed(&files));
        Self { kind, files, sentence }
    }
}

/// The names as a sentence lists them.
fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMED_MAX)].join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn name(photo: &Photo) -> String {
    photo.name.display().to_string()
}

/// `1 image is`, `3 images are`.
fn images_are(count: usize) -> String {
    if count == 1 { "1 image is".into() } else { format!("{count} images are") }
}

/// Of files that cannot be used, while `used` can.
pub(super) fn left_out(files: &[LeftOut], role: Role, used: usize) -> Option<Remark> {
    let files: Vec<&LeftOut> = files.iter().filter(|file| file.role == role).collect();
    let of_class = if role == Role::Class { " of the class" } else { "" };
    let told: Vec<String> = files.iter().map(|file| format!("{} ({})", file.name, file.reason)).collect();
    let names = files.iter().map(|file| file.name.clone()).collect();
    (!files.is_empty()).then(|| {
        Remark::new(RemarkKind::LeftOut, names, |_| {
            let left = if files.len() == 1 { "1 file is".into() } else { format!("{} files are", files.len()) };
            format!("{left} left out, {used}{of_class} remain: {}.", listed(&told))
        })
    })
}

/// Of a caption file that cannot be used.
pub(super) fn caption_file(file: String, reason: &str, instead: &str) -> Remark {
    Remark::new(RemarkKind::CaptionFile, vec![file], |file| {
        format!("{file} is not used as a caption, because {reason}; its image is trained as {instead:?}.")
    })
}

/// Of images without a caption, and of captions that are cut.
pub(super) fn captions(photos: &[&Photo]) -> Vec<Remark> {
    let is_empty = |photo: &&&Photo| photo.caption.trim().is_empty();
    let empty: Vec<String> = photos.iter().filter(is_empty).map(|photo| name(photo)).collect();
    let is_long = |photo: &&&Photo| caption_tokens(&photo.caption) > CAPTION_TOKENS_MAX;
    let long: Vec<String> = photos.iter().filter(is_long).map(|photo| name(photo)).collect();
    let mut remarks = Vec::new();
    if !empty.is_empty() {
        let count = empty.len();
        remarks.push(Remark::new(RemarkKind::EmptyCaption, empty, |files| {
            format!(
                "{count} of {} images have an empty caption ({files}), so the model cannot connect them with a name; give \
                 concept_name, or put the concept's name into the file names.",
                photos.len()
            )
        }));
    }
    if !long.is_empty() {
        let count = long.len();
        remarks.push(Remark::new(RemarkKind::LongCaption, long, |files| {
            format!(
                "{count} of {} captions are longer than the {CAPTION_TOKENS_MAX} tokens that the text encoder reads and \
                 lose their end ({files}); put what matters first.",
                photos.len()
            )
        }));
    }
    remarks
}

/// Of photos that look the same, blurred, or smaller than half of `resolution`.
pub(super) fn looks(photos: &[(Photo, Look)], resolution: u32) -> Vec<Remark> {
    let mut remarks = alike(photos);
    let is_small = |look: &Look| look.shorter_side() < resolution / 2;
    let small: Vec<&(Photo, Look)> = photos.iter().filter(|(_, look)| is_small(look)).collect();
    if !small.is_empty() {
        let names = small.iter().map(|(photo, _)| name(photo)).collect();
        let sized = |(photo, look): &&(Photo, Look)| format!("{} ({} x {})", name(photo), look.size.0, look.size.1);
        let sized: Vec<String> = small.iter().map(sized).collect();
        remarks.push(Remark::new(RemarkKind::Small, names, |_| {
            format!(
                "{} enlarged more than twice to {resolution} pixels and will look soft: {}.",
                images_are(small.len()),
                listed(&sized)
            )
        }));
    }
    let is_blurred = |(_, look): &&(Photo, Look)| look.is_blurred() && !is_small(look);
    let blurred: Vec<String> = photos.iter().filter(is_blurred).map(|(photo, _)| name(photo)).collect();
    if !blurred.is_empty() {
        let count = blurred.len();
        remarks.push(Remark::new(RemarkKind::Blurred, blurred, |files| {
            format!("{} blurred, and the model learns that, too: {files}.", images_are(count))
        }));
    }
    remarks
}

/// One remark for each group of photos that are the same or nearly so: a photo joins the first one that it is like.
fn alike(photos: &[(Photo, Look)]) -> Vec<Remark> {
    let mut groups: Vec<Vec<&(Photo, Look)>> = Vec::new();
    for photo in photos {
        match groups.iter_mut().find(|group| group[0].1.is_alike(&photo.1) || group[0].1.is_same(&photo.1)) {
            Some(group) => group.push(photo),
            None => groups.push(vec![photo]),
        }
    }
    let remark = |group: &Vec<&(Photo, Look)>| {
        let files = group.iter().map(|(photo, _)| name(photo)).collect();
        if group.iter().all(|(_, look)| look.is_same(&group[0].1)) {
            let advice = "are the same picture, which so counts more than the others; keep one of them";
            Remark::new(RemarkKind::Duplicate, files, |files| format!("{files} {advice}."))
        } else {
            let advice = "are nearly the same picture, which so counts more than the others; keep the best of them";
            Remark::new(RemarkKind::NearDuplicate, files, |files| format!("{files} {advice}."))
        }
    };
    groups.iter().filter(|group| group.len() > 1).map(remark).collect()
}

/// Of fewer crops per image than the request asks for.
pub(super) fn fewer_crops(asked: u32, kept: usize, images: usize) -> Remark {
    Remark::new(RemarkKind::FewerCrops, Vec::new(), |_| {
        format!(
            "crops_per_image is {asked}, but with {images} images {kept} of each are kept, so that memory and time last."
        )
    })
}
