//! Which files of an unpacked data set are images, what they are captioned with, and what is said of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use image::{Rgb, RgbImage};
use protocol::TrainSettings;
use serde_json::{Value, json};
use tempfile::TempDir;
use training::TrainingError;
use training::dataset::{CaptionSource, DataRules, Dataset, Folders, IMAGES_MAX, Photo, RemarkKind, Role, find_images};

const RULES: DataRules =
    DataRules { caption_files: true, verbatim_concept_name: true, exif_orientation: true, held_out_images: 0 };

fn put(dir: &Path, name: &str, bytes: &[u8]) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Writes a picture that is like no other and not blurred.
fn picture(dir: &Path, name: &str, width: u32, height: u32) {
    let seed = name.bytes().fold(7u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let pixel =
        |x: u32, y: u32| ((x / 8 * 7919 + y / 8 * 104_729) ^ seed.wrapping_mul(seed)).wrapping_mul(2_654_435_761) >> 24;
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_fn(width, height, |x, y| Rgb([pixel(x, y) as u8; 3])).save(path).unwrap();
}

/// A folder with pictures of these names.
fn pictures(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    names.iter().for_each(|name| picture(dir.path(), name, 80, 64));
    dir
}

fn names(dir: &Path) -> Vec<String> {
    let images = find_images(dir).unwrap();
    images.iter().map(|path| path.strip_prefix(dir).unwrap().display().to_string()).collect()
}

fn names_of(photos: &[Photo]) -> Vec<String> {
    photos.iter().map(|photo| photo.name.display().to_string()).collect()
}

fn captions_of(photos: &[Photo]) -> Vec<&str> {
    photos.iter().map(|photo| photo.caption.as_str()).collect()
}

/// Settings at a resolution that the tests' pictures have.
fn settings(changes: &Value) -> TrainSettings {
    let mut settings = json!({"text_resolution": 64, "unet_resolution": 64});
    changes.as_object().unwrap().iter().for_each(|(key, value)| settings[key] = value.clone());
    TrainSettings::parse_alone(settings, "train").unwrap()
}

fn gather(dir: &Path, class: Option<&Path>, changes: &Value, rules: &DataRules) -> Result<Dataset, TrainingError> {
    let folders = Folders { images: dir, class_images: class };
    Dataset::gather(folders, &settings(changes), rules, |_, _| Ok(()))
}

fn gathered(dir: &Path, changes: &Value) -> Dataset {
    gather(dir, None, changes, &RULES).unwrap()
}

/// All remarks, one a line.
fn sentences(dataset: &Dataset) -> String {
    dataset.remarks.iter().map(|remark| remark.sentence.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn images_are_found_at_any_depth_in_the_order_of_their_paths() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b/2.JPG", "a.png", "b/1.jpeg", "c.jpg", "d.WebP", "e.bmp"] {
        put(dir.path(), name, b"x");
    }
    assert_eq!(names(dir.path()), ["a.png", "b/1.jpeg", "b/2.JPG", "c.jpg", "d.WebP", "e.bmp"]);
}

#[test]
fn hidden_and_other_files_are_not_images() {
    let dir = tempfile::tempdir().unwrap();
    let others =
        ["__MACOSX/dog.jpg", "__MACOSX/x/._dog.jpg", "._dog.jpg", ".dog.jpg", ".trash/dog.jpg", "dog.txt", "jpg"];
    for name in others.iter().chain(&["dog.jpg"]) {
        put(dir.path(), name, b"x");
    }
    assert_eq!(names(dir.path()), ["dog.jpg"]);
}

#[test]
fn equal_names_in_two_folders_are_two_images() {
    let dir = pictures(&["day/dog (1).png", "night/dog (1).png"]);
    assert_eq!(names(dir.path()), ["day/dog (1).png", "night/dog (1).png"]);
    assert_eq!(captions_of(&gathered(dir.path(), &json!({})).train), ["dog ", "dog "]);
}

#[test]
fn a_data_set_whose_own_folder_looks_hidden_is_still_read() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("__MACOSX");
    put(&root, "dog.jpg", b"x");
    assert_eq!(names(&root), ["dog.jpg"]);
}

#[test]
fn a_data_set_without_images_says_what_belongs_into_it() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "readme.txt", b"x");
    assert!(matches!(find_images(dir.path()), Err(TrainingError::NoImages)));
    assert_eq!(
        gather(dir.path(), None, &json!({}), &RULES).unwrap_err().to_string(),
        "the data set (data_url, or --data on the command line) holds no images; put .jpg, .jpeg, .png, .webp or .bmp \
         files into it"
    );
    put(dir.path(), "IMG_1.HEIC", b"x");
    put(dir.path(), "IMG_2.HEIC", b"x");
    assert_eq!(
        gather(dir.path(), None, &json!({}), &RULES).unwrap_err().to_string(),
        "the data set holds no images that are read, but 2 of other formats, such as IMG_1.HEIC; save them as .jpg or .png"
    );
}

#[test]
fn more_images_than_the_limit_are_refused_before_any_is_read() {
    let dir = tempfile::tempdir().unwrap();
    for index in 0..=IMAGES_MAX {
        put(dir.path(), &format!("{index}.jpg"), b"");
    }
    let error = gather(dir.path(), None, &json!({}), &RULES).unwrap_err().to_string();
    assert_eq!(error, "the data set holds 1001 images, but at most 1000 are trained on; split it");
    let images = pictures(&["dog.png"]);
    let error = gather(images.path(), Some(dir.path()), &json!({}), &RULES).unwrap_err().to_string();
    assert!(error.starts_with("there are 1001 class images, but at most 1000"), "{error}");
}

#[test]
fn a_caption_is_the_text_beside_the_image_or_the_concepts_name_or_the_file_name() {
    let dir = pictures(&["a_dog-1.png", "b.png"]);
    put(dir.path(), "a_dog-1.txt", b"zwx-7 on grass\n");
    let captions = |changes: &Value, rules: DataRules| {
        let dataset = gather(dir.path(), None, changes, &rules).unwrap();
        dataset.train.iter().map(|photo| (photo.caption.clone(), photo.caption_source)).collect::<Vec<_>>()
    };
    let file = || ("zwx-7 on grass".to_owned(), CaptionSource::CaptionFile);
    let name = |text: &str| (text.to_owned(), CaptionSource::ConceptName);
    let concept = || json!({"concept_name": "zwx-7 dog"});
    assert_eq!(captions(&concept(), RULES), [file(), name("zwx-7 dog")]);
    assert_eq!(captions(&json!({}), RULES), [file(), ("b".into(), CaptionSource::FileName)]);
    let without_files = DataRules { caption_files: false, ..RULES };
    assert_eq!(captions(&concept(), without_files), [name("zwx-7 dog"), name("zwx-7 dog")]);
    let faithful = DataRules { verbatim_concept_name: false, ..without_files };
    assert_eq!(captions(&concept(), faithful), [name("zwx dog "), name("zwx dog ")]);
    assert_eq!(captions(&json!({}), faithful)[0].0, "a dog");
}

#[test]
fn a_caption_file_that_cannot_be_used_is_told_of() {
    let dir = pictures(&["sks.png"]);
    put(dir.path(), "sks.txt", b"\xFF\xFE");
    let dataset = gathered(dir.path(), &json!({}));
    assert_eq!(captions_of(&dataset.train), ["sks"]);
    assert_eq!(
        sentences(&dataset),
        "sks.txt is not used as a caption, because it is no UTF-8 text; its image is trained as \"sks\"."
    );
}

#[test]
fn empty_and_overlong_captions_are_told_of() {
    let dir = pictures(&["1.png", "2.png", "dog.png"]);
    put(dir.path(), "dog.txt", "dog ".repeat(76).as_bytes());
    assert_eq!(
        sentences(&gathered(dir.path(), &json!({}))),
        "2 of 3 images have an empty caption (1.png, 2.png), so the model cannot connect them with a name; give \
         concept_name, or put the concept's name into the file names.\n\
         1 of 3 captions are longer than the 75 tokens that the text encoder reads and lose their end (dog.png); put what \
         matters first."
    );
}

#[test]
fn files_that_cannot_be_used_are_left_out_with_a_reason() {
    let dir = pictures(&["a.png", "b.png"]);
    put(dir.path(), "broken.jpg", b"<!DOCTYPE html>");
    put(dir.path(), "phone.heic", b"x");
    let mut seen = Vec::new();
    let folders = Folders { images: dir.path(), class_images: None };
    let dataset = Dataset::gather(folders, &settings(&json!({})), &RULES, |done, of| {
        seen.push((done, of));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [(1, 3), (2, 3), (3, 3)]);
    assert_eq!(names_of(&dataset.train), ["a.png", "b.png"]);
    assert_eq!(dataset.train[0].size, (80, 64));
    let left_out: Vec<&str> = dataset.left_out.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(left_out, ["phone.heic", "broken.jpg"]);
    let remark = &dataset.remarks[0];
    assert_eq!((remark.kind, remark.files.len()), (RemarkKind::LeftOut, 2));
    assert!(
        remark.sentence.starts_with("2 files are left out, 2 remain: phone.heic (its format is not read; save it as")
    );
    assert!(remark.sentence.contains("broken.jpg ("), "{}", remark.sentence);
}

#[test]
fn a_data_set_of_which_nothing_can_be_used_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a.jpg", b"nothing");
    let error = gather(dir.path(), None, &json!({}), &RULES).unwrap_err();
    assert!(matches!(error, TrainingError::Image { .. }));
    assert!(error.to_string().starts_with("a.jpg is not a usable image: "), "{error}");
    put(dir.path(), "b.jpg", b"nothing");
    let error = gather(dir.path(), None, &json!({}), &RULES).unwrap_err().to_string();
    assert!(error.starts_with("none of the 2 images can be used: a.jpg is not a usable image, because "), "{error}");
}

#[test]
fn the_last_photos_are_held_out_and_one_remains() {
    let dir = pictures(&["a.png", "b.png", "c.png"]);
    put(dir.path(), "d.png", b"broken");
    let held_out = |count| gather(dir.path(), None, &json!({}), &DataRules { held_out_images: count, ..RULES });
    let dataset = held_out(2).unwrap();
    assert_eq!(
        (names_of(&dataset.train), names_of(&dataset.held_out)),
        (vec!["a.png".into()], vec!["b.png".to_owned(), "c.png".to_owned()])
    );
    assert_eq!(
        held_out(3).unwrap_err().to_string(),
        "held_out_images is 3, but with 3 usable images at most 2 can be held out; lower it or add images"
    );
}

/// Two concepts in folders of their own, the first one with a class.
fn two_concepts() -> Value {
    json!({"concepts": [
        {"concept_name": "zwx dog", "folder": "my dog", "class_prompt": "a dog"},
        {"concept_name": "sks cat", "folder": "cat"},
    ]})
}

#[test]
fn every_concept_has_its_own_folder_caption_and_class() {
    let dir = pictures(&["cat/1.png", "cat/2.png", "my dog/1.png", "my dog/2.png", "elsewhere/1.png"]);
    let class = pictures(&["my dog/x.png", "cat/tabby cat.png", "elsewhere/1.png"]);
    let rules = DataRules { held_out_images: 1, ..RULES };
    let dataset = gather(dir.path(), Some(class.path()), &two_concepts(), &rules).unwrap();
    assert_eq!(names_of(&dataset.train), ["my dog/1.png", "cat/1.png", "cat/2.png"]);
    assert_eq!(captions_of(&dataset.train), ["zwx dog", "sks cat", "sks cat"]);
    assert_eq!(names_of(&dataset.held_out), ["my dog/2.png"]);
    assert_eq!(names_of(&dataset.class), ["my dog/x.png", "cat/tabby cat.png"]);
    assert_eq!(captions_of(&dataset.class), ["a dog", "tabby cat"]);
    assert!(dataset.class.iter().all(|photo| photo.role == Role::Class));
    let concepts: Vec<usize> = dataset.trained_on().iter().map(|photo| photo.concept).collect();
    assert_eq!(concepts, [0, 1, 1, 0, 1], "photos first, then the images of the classes");
    let all_but_one_each = DataRules { held_out_images: 2, ..RULES };
    let dataset = gather(dir.path(), None, &two_concepts(), &all_but_one_each).unwrap();
    assert_eq!(names_of(&dataset.held_out), ["my dog/2.png", "cat/2.png"], "of each concept in turn");
}

#[test]
fn a_concept_without_usable_images_is_named() {
    let dir = pictures(&["my dog/1.png"]);
    let error = || gather(dir.path(), None, &two_concepts(), &RULES).unwrap_err().to_string();
    assert_eq!(
        error(),
        "the folder \"cat\" of the concept \"sks cat\" is not in the data set; name a folder at the root of the zip"
    );
    put(dir.path(), "cat/readme.txt", b"x");
    assert_eq!(
        error(),
        "the folder \"cat\" of the concept \"sks cat\" holds no images; put .jpg, .jpeg, .png, .webp or .bmp files into it"
    );
    put(dir.path(), "cat/1.jpg", b"x");
    assert!(error().starts_with("cat/1.jpg is not a usable image: "), "{}", error());
}

#[test]
fn class_images_are_captioned_with_the_class_prompt_or_as_photos_are() {
    let (dir, class) = (pictures(&["1.png"]), pictures(&["deep/red_dog.png"]));
    let caption = |changes: &Value| {
        let dataset = gather(dir.path(), Some(class.path()), changes, &RULES).unwrap();
        (dataset.class[0].caption.clone(), dataset.class[0].caption_source)
    };
    let concept = json!({"concept_name": "zwx"});
    assert_eq!(caption(&concept), ("red dog".into(), CaptionSource::FileName), "not the concept's name");
    put(class.path(), "deep/red_dog.txt", b"a red dog");
    assert_eq!(caption(&concept), ("a red dog".into(), CaptionSource::CaptionFile));
    assert_eq!(caption(&json!({"class_prompt": "a dog"})), ("a dog".into(), CaptionSource::ClassPrompt));
}

#[test]
fn a_class_image_that_cannot_be_used_is_told_of_and_ends_nothing() {
    let (dir, class) = (pictures(&["dog.png"]), pictures(&["a.png"]));
    put(class.path(), "b.png", b"x");
    let dataset = gather(dir.path(), Some(class.path()), &json!({}), &RULES).unwrap();
    assert_eq!((names_of(&dataset.class), dataset.left_out[0].role), (vec!["a.png".to_owned()], Role::Class));
    assert!(
        sentences(&dataset).starts_with("1 file is left out, 1 of the class remain: b.png ("),
        "{}",
        sentences(&dataset)
    );
}

#[test]
fn small_photos_are_told_of_once_they_grow_more_than_twice() {
    let dir = tempfile::tempdir().unwrap();
    picture(dir.path(), "small.png", 255, 400);
    picture(dir.path(), "enough.png", 256, 400);
    let dataset = gathered(dir.path(), &json!({"unet_resolution": 512}));
    assert_eq!(
        sentences(&dataset),
        "1 image is enlarged more than twice to 512 pixels and will look soft: small.png (255 x 400)."
    );
    let skipped = gathered(dir.path(), &json!({"unet_resolution": 512, "unet_epochs": 0}));
    assert_eq!(sentences(&skipped), "", "a stage that is skipped needs no pixels");
}

#[test]
fn fewer_crops_than_asked_for_are_told_of() {
    let names: Vec<String> = (0..30).map(|index| format!("dog {index}.png")).collect();
    let dir = pictures(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let dataset = gathered(dir.path(), &json!({"crops_per_image": 16}));
    assert_eq!(
        sentences(&dataset),
        "crops_per_image is 16, but with 30 images 13 of each are kept, so that memory and time last."
    );
    assert_eq!(sentences(&gathered(dir.path(), &json!({"crops_per_image": 13}))), "");
}

#[test]
fn looking_at_the_images_may_be_ended() {
    let dir = pictures(&["a.png", "b.png"]);
    let folders = Folders { images: dir.path(), class_images: None };
    let gathered = Dataset::gather(folders, &settings(&json!({})), &RULES, |_, _| Err(TrainingError::Stopped));
    assert!(matches!(gathered, Err(TrainingError::Stopped)));
}

#[test]
fn the_real_zips_hold_five_and_six_images() {
    let zips = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/zips");
    if !zips.is_dir() {
        writeln!(io::stdout(), "skipped: ../shared/data/zips is missing").unwrap();
        return;
    }
    for (name, count) in [("dog_flat.zip", 5), ("dog_nested_macosx.zip", 6)] {
        let dir = tempfile::tempdir().unwrap();
        zip::ZipArchive::new(fs::File::open(zips.join(name)).unwrap()).unwrap().extract(dir.path()).unwrap();
        let dataset = gathered(dir.path(), &json!({"concept_name": "zwx dog"}));
        assert_eq!((dataset.train.len(), dataset.left_out.len()), (count, 0), "{name}");
        assert!(dataset.train.iter().all(|photo| photo.size.0 >= 512 && photo.size.1 >= 512));
    }
}
