//! The world is the one that the embedded miniature has learnt: a change of its look or its words asks for a new training.
//! `UPDATE_LOOK=1 cargo test -p toyworld --test look` writes `look.png` and `look.txt` anew, for those who mean it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use image::{RgbImage, imageops};
use toyworld::World;

const PICTURES: u32 = 24;
const SIDE: u32 = 32;
/// Mathematical libraries may round the last bit otherwise, which moves an edge's pixel here and there.
const TOLERANCE: f64 = 0.5;

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn updating() -> bool {
    std::env::var_os("UPDATE_LOOK").is_some()
}

#[test]
fn the_first_pictures_look_as_they_did() {
    let mut strip = RgbImage::new(PICTURES * SIDE, SIDE);
    for index in 0..PICTURES {
        let picture = World::new(1).description(index.into()).render(index.into(), SIDE);
        imageops::replace(&mut strip, &picture, i64::from(index * SIDE), 0);
    }
    if updating() {
        strip.save(beside("look.png")).unwrap();
    }
    let recorded = image::open(beside("look.png")).unwrap().into_rgb8();
    assert_eq!(strip.dimensions(), recorded.dimensions());
    for index in 0..PICTURES {
        let part = |whole: &RgbImage| imageops::crop_imm(whole, index * SIDE, 0, SIDE, SIDE).to_image();
        let (now, then) = (part(&strip), part(&recorded));
        let difference: f64 = now.as_raw().iter().zip(then.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        let mean = difference / now.as_raw().len() as f64;
        assert!(mean < TOLERANCE, "picture {index} differs by {mean:.2} levels on average");
    }
}

#[test]
fn the_first_captions_read_as_they_did() {
    let captions: String = (0..u64::from(PICTURES))
        .map(|index| {
            let description = World::new(1).description(index);
            format!("{}\n{}\n", description.caption(0), description.caption(index + 1))
        })
        .collect();
    if updating() {
        fs::write(beside("look.txt"), &captions).unwrap();
    }
    assert_eq!(captions, fs::read_to_string(beside("look.txt")).unwrap());
}
