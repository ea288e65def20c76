//! What is said of photos by their looks: the same or nearly the same, blurred.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{self, Cursor, Write as _};
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage, imageops};
use protocol::TrainSettings;
use serde_json::json;
use training::dataset::look::Look;
use training::dataset::{DataRules, Dataset, Folders, Photo, RemarkKind};
use training::picture::decode;

/// A drawing of a few shapes.
fn drawing(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (x * 100 / width, y * 100 / height);
        if u.abs_diff(60) < 20 && v.abs_diff(40) < 30 { Rgb([200, 30, 30]) } else { Rgb([240 - v as u8, 240, 250]) }
    })
}

fn noise(side: u32, seed: u32) -> RgbImage {
    let value = |x: u32, y: u32| (x / 4 * 7919 + y / 4 * 104_729 + seed).wrapping_mul(2_654_435_761) >> 24;
    RgbImage::from_fn(side, side, |x, y| Rgb([value(x, y) as u8; 3]))
}

fn recompressed(picture: &RgbImage, quality: u8) -> RgbImage {
    let mut jpeg = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut jpeg, quality).encode_image(picture).unwrap();
    image::load_from_memory(jpeg.get_ref()).unwrap().into_rgb8()
}

fn half(picture: &RgbImage) -> RgbImage {
    imageops::resize(picture, picture.width() / 2, picture.height() / 2, imageops::FilterType::Triangle)
}

#[test]
fn the_same_picture_is_found_again_at_another_size_quality_and_brightness() {
    let picture = drawing(300, 200);
    let look = Look::of(&picture);
    assert!(look.is_same(&Look::of(&picture.clone())));
    let brighter = RgbImage::from_fn(300, 200, |x, y| picture.get_pixel(x, y).0.map(|value| value / 2 + 60).into());
    for (what, changed) in
        [("smaller", half(&picture)), ("compressed", recompressed(&picture, 50)), ("brighter", brighter)]
    {
        let changed = Look::of(&changed);
        assert!(look.is_alike(&changed) && !look.is_same(&changed), "{what}: {}", look.distance(&changed));
    }
    assert!(!look.is_alike(&Look::of(&imageops::flip_horizontal(&picture))));
    assert!(!look.is_alike(&Look::of(&noise(200, 1))));
}

#[test]
fn pictures_of_one_colour_are_blurred_and_like_no_other() {
    let [grey, white] = [128, 255].map(|value| Look::of(&RgbImage::from_pixel(64, 64, Rgb([value; 3]))));
    assert!(grey.is_blurred() && white.is_blurred());
    assert!(!grey.is_alike(&white) && !grey.is_same(&white));
    for side in [1, 2, 3] {
        assert!(Look::of(&RgbImage::new(side, side)).is_blurred(), "not even room for an edge");
    }
}

fn remarks(pictures: &[(&str, RgbImage)]) -> Vec<(RemarkKind, String)> {
    let dir = tempfile::tempdir().unwrap();
    for (name, picture) in pictures {
        picture.save(dir.path().join(name)).unwrap();
    }
    let settings = json!({"text_resolution": 64, "unet_resolution": 64, "concept_name": "zwx"});
    gather(dir.path(), settings).remarks.into_iter().map(|remark| (remark.kind, remark.sentence)).collect()
}

fn gather(dir: &Path, settings: serde_json::Value) -> Dataset {
    let rules =
        DataRules { caption_files: true, verbatim_concept_name: true, exif_orientation: true, held_out_images: 0 };
    let settings = TrainSettings::parse_alone(settings, "train").unwrap();
    Dataset::gather(Folders { images: dir, class_images: None }, &settings, &rules, |_, _| Ok(())).unwrap()
}

#[test]
fn copies_are_told_of_in_one_sentence_for_each_picture() {
    let told = remarks(&[
        ("a.png", drawing(128, 128)),
        ("b.png", noise(128, 1)),
        ("copy of a.bmp", drawing(128, 128)),
        ("copy of b.jpg", noise(128, 1)),
        ("d.png", noise(128, 99)),
    ]);
    let again = "picture, which so counts more than the others; keep";
    assert_eq!(
        told,
        [
            (RemarkKind::Duplicate, format!("a.png, copy of a.bmp are the same {again} one of them.")),
            (RemarkKind::NearDuplicate, format!("b.png, copy of b.jpg are nearly the same {again} the best of them.")),
        ]
    );
}

#[test]
fn blurred_photos_are_told_of() {
    let told = remarks(&[("sharp.png", noise(200, 5)), ("soft.png", imageops::blur(&noise(200, 9), 6.0))]);
    assert_eq!(told, [(RemarkKind::Blurred, "1 image is blurred, and the model learns that, too: soft.png.".into())]);
}

/// The folders of real photos, if they are there.
fn concepts() -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/concepts");
    let mut folders: Vec<PathBuf> = fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    Some(folders)
}

#[test]
fn real_photos_are_neither_blurred_nor_alike_and_their_blurred_copies_are() {
    let Some(folders) = concepts() else {
        writeln!(io::stdout().lock(), "skipped: ../shared/data/concepts is missing").unwrap();
        return;
    };
    assert_eq!(folders.len(), 8);
    let (mut photos, mut blunt, mut sharp) = (0, 0.0f64, f64::INFINITY);
    for folder in folders {
        let dataset = gather(&folder, json!({"concept_name": "zwx"}));
        assert_eq!(dataset.remarks, [], "{}", folder.display());
        assert!(dataset.left_out.is_empty());
        for photo in &dataset.train {
            let picture = decode(photo).unwrap();
            let (look, soft) = (Look::of(&picture), Look::of(&imageops::fast_blur(&picture, 4.0)));
            sharp = sharp.min(look.sharpness);
            blunt = blunt.max(soft.sharpness);
            assert!(soft.is_blurred(), "{}: {}", photo.path.display(), soft.sharpness);
            assert!(look.is_alike(&Look::of(&recompressed(&half(&picture), 50))), "{}", photo.path.display());
            photos += 1;
        }
    }
    assert_eq!(photos, 42);
    assert!(sharp > 3.0 * blunt, "the bound lies in a wide gap: {blunt} to {sharp}");
}

#[test]
fn a_photo_is_looked_at_as_it_is_trained() {
    let dir = tempfile::tempdir().unwrap();
    drawing(80, 64).save(dir.path().join("a.png")).unwrap();
    let photo = Photo::at(dir.path().join("a.png"));
    assert_eq!(Look::of(&decode(&photo).unwrap()).size, (80, 64));
}
