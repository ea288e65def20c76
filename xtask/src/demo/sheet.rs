//! The contact sheet: the training pictures above, the results below.

use image::imageops::{FilterType, overlay, resize};
use image::{Rgb, RgbImage};

use super::lettering::{fit, write};

const PAPER: Rgb<u8> = Rgb([248, 246, 241]);
const INK: Rgb<u8> = Rgb([52, 48, 46]);
const FAINT: Rgb<u8> = Rgb([134, 126, 120]);
/// Pixels around and between the pictures.
const GAP: u32 = 24;
/// Side of a training picture.
const SMALL: u32 = 168;
/// Side of the square that holds a result.
const LARGE: u32 = 360;
/// Room for a heading, and for a caption of two lines.
const HEADING: u32 = 44;
const CAPTION: u32 = 52;
/// Pixels per dot of the lettering.
const HEADING_DOT: u32 = 3;
const CAPTION_DOT: u32 = 2;

/// Puts everything on one sheet. `results` are pictures with their prompts.
pub fn sheet(concept: &str, training: &[RgbImage], results: &[(String, RgbImage)]) -> RgbImage {
    let per_row = |count: usize, most: u32| (count as u32).clamp(1, most);
    let (small_row, large_row) = (per_row(training.len(), 8), per_row(results.len(), 4));
    let width = GAP + (small_row * (SMALL + GAP)).max(large_row * (LARGE + GAP));
    let rows = |count: usize, row: u32| (count as u32).div_ceil(row);
    let small_height = rows(training.len(), small_row) * (SMALL + GAP);
    let large_height = rows(results.len(), large_row) * (LARGE + CAPTION + GAP);
    let height = GAP + HEADING + small_height + HEADING + large_height;
    let mut paper = RgbImage::from_pixel(width, height, PAPER);

    write(&mut paper, &format!("{concept}: trained on"), (GAP, GAP), HEADING_DOT, INK);
    let top = GAP + HEADING;
    for (index, picture) in training.iter().enumerate() {
        let (column, row) = (index as u32 % small_row, index as u32 / small_row);
        place(&mut paper, picture, (GAP + column * (SMALL + GAP), top + row * (SMALL + GAP)), SMALL);
    }
    let top = top + small_height;
    write(&mut paper, "drawn", (GAP, top), HEADING_DOT, INK);
    let top = top + HEADING;
    for (index, (prompt, picture)) in results.iter().enumerate() {
        let (column, row) = (index as u32 % large_row, index as u32 / large_row);
        let (x, y) = (GAP + column * (LARGE + GAP), top + row * (LARGE + CAPTION + GAP));
        place(&mut paper, picture, (x, y), LARGE);
        for (line, text) in wrap(prompt, fit(LARGE, CAPTION_DOT)).iter().take(2).enumerate() {
            write(&mut paper, text, (x, y + LARGE + 12 + line as u32 * 20), CAPTION_DOT, FAINT);
        }
    }
    paper
}

/// Scales a picture into a square and centres it there.
fn place(paper: &mut RgbImage, picture: &RgbImage, (x, y): (u32, u32), side: u32) {
    let longer = picture.width().max(picture.height()).max(1);
    let scaled = |length: u32| (length * side / longer).max(1);
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let small = resize(picture, width, height, FilterType::CatmullRom);
    overlay(paper, &small, i64::from(x + (side - width) / 2), i64::from(y + (side - height) / 2));
}

/// Breaks a text between words into lines of at most `letters`.
fn wrap(text: &str, letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= letters => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
