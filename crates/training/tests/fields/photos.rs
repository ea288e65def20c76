//! How photos are captioned, turned and cut.

use std::fs;

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::course::{Outcome, plain, still_in, with};
use crate::support::Workshop;

#[test]
pub(crate) fn concept_name() {
    assert_eq!(plain().captions(), ["sks dog "; 3]);
    assert_eq!(with(&json!({"concept_name": null})).captions(), ["sks dog "; 3]);
    let named = with(&json!({"concept_name": "a wixbs chair"}));
    assert_eq!(named.captions(), ["a wixbs chair"; 3]);
    assert_ne!(named.text().losses, plain().text().losses);
}

#[test]
pub(crate) fn verbatim_concept_name() {
    let captions = |verbatim: Value| {
        let outcome = with(&json!({"concept_name": "mid-century 2", "verbatim_concept_name": verbatim}));
        outcome.captions()[0].to_owned()
    };
    assert_eq!(captions(Value::Null), "mid-century 2");
    assert_eq!(captions(json!(true)), "mid-century 2");
    assert_eq!(captions(json!(false)), "midcentury  ");
}

#[test]
pub(crate) fn caption_files() {
    let workshop = Workshop::new();
    fs::write(workshop.images.path().join("sks dog (1).txt"), "a dog asleep\n").unwrap();
    let captions = |read: Value| Outcome::of(&workshop, &json!({"caption_files": read})).captions()[1].to_owned();
    assert_eq!(captions(Value::Null), "a dog asleep");
    assert_eq!(captions(json!(true)), "a dog asleep");
    assert_eq!(captions(json!(false)), "sks dog ");
}

/// Only a photo whose EXIF block says so is turned.
#[test]
pub(crate) fn exif_orientation() {
    let workshop = Workshop::new();
    for index in 0..3 {
        fs::remove_file(workshop.images.path().join(format!("sks dog ({index}).png"))).unwrap();
    }
    let mut jpeg = std::io::Cursor::new(Vec::new());
    let pixel = |x: u32, y: u32| Rgb([(3 * x) as u8, (2 * y) as u8, 90]);
    RgbImage::from_fn(64, 64, pixel).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let losses = |jpeg: &[u8], turn: Value| {
        fs::write(workshop.images.path().join("sks dog.jpg"), jpeg).unwrap();
        still_in(&workshop, &json!({"exif_orientation": turn}))
    };
    let (stored, upside_down) = (jpeg.get_ref(), upside_down(jpeg.get_ref()));
    let as_stored = losses(stored, json!(true));
    assert_eq!(losses(stored, json!(false)), as_stored);
    assert_eq!(losses(&upside_down, json!(false)), as_stored);
    let turned = losses(&upside_down, json!(true));
    assert_ne!(turned, as_stored);
    assert_eq!(losses(&upside_down, Value::Null), turned);
}

/// The JPEG with an EXIF block that says that it was taken upside down.
fn upside_down(jpeg: &[u8]) -> Vec<u8> {
    let exif = b"\xFF\xE1\0\x22Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0";
    [&jpeg[..2], exif, &jpeg[2..]].concat()
}

/// The losses of a UNet that stays as it is, on the square photo and on the others apart.
fn square_and_others(changes: &Value) -> [Vec<f64>; 2] {
    [&[0, 1][..], &[2]].map(|absent| {
        let workshop = Workshop::new();
        for index in absent {
            fs::remove_file(workshop.images.path().join(format!("sks dog ({index}).png"))).unwrap();
        }
        let mut changes = changes.clone();
        changes["unet_epochs"] = 4.into();
        still_in(&workshop, &changes)
    })
}

/// A square photo has nothing to cut away.
fn assert_others_differ(a: &Value, b: &Value) {
    let ([square_a, others_a], [square_b, others_b]) = (square_and_others(a), square_and_others(b));
    assert_eq!(square_a, square_b, "{a}, {b}");
    assert_ne!(others_a, others_b, "{a}, {b}");
}

#[test]
pub(crate) fn crop() {
    assert_eq!(square_and_others(&json!({"crop": null})), square_and_others(&json!({"crop": "random"})));
    assert_others_differ(&json!({"crop": "random"}), &json!({"crop": "center"}));
}

#[test]
pub(crate) fn crops_per_image() {
    assert_eq!(square_and_others(&json!({"crops_per_image": null})), square_and_others(&json!({"crops_per_image": 4})));
    assert_others_differ(&json!({"crops_per_image": 4}), &json!({"crops_per_image": 1}));
}

/// Photos of three shapes are three batches, because no batch mixes shapes.
#[test]
pub(crate) fn aspect_ratio_buckets() {
    let workshop = Workshop::new();
    for (index, (width, height)) in [(128, 128), (256, 64), (64, 256)].into_iter().enumerate() {
        let path = workshop.images.path().join(format!("sks dog ({index}).png"));
        RgbImage::from_pixel(width, height, Rgb([9, 90, 200])).save(path).unwrap();
    }
    let steps = |buckets: bool| {
        let changes = json!({
            "text_steps": 0, "unet_resolution": 128, "unet_batch_size": 3, "aspect_ratio_buckets": buckets,
        });
        Outcome::of(&workshop, &changes).unet().steps
    };
    assert_eq!([steps(false), steps(true)], [1, 3]);
}
