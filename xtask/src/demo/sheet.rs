//! The contact sheet: rows of pictures under headings, with captions where there is room.

use image::imageops::{FilterType, overlay, resize};
use image::{Rgb, RgbImage};

use super::lettering::{fit, write};

const PAPER: Rgb<u8> = Rgb([248, 246, 241]);
const INK: Rgb<u8> = Rgb([52, 48, 46]);
const FAINT: Rgb<u8> = Rgb([134, 126, 120]);
/// Pixels around and between the pictures.
const GAP: u32 = 20;
/// Side of the square that holds a small picture.
pub const SMALL: u32 = 148;
/// Side of the square that holds a large one.
pub const LARGE: u32 = 400;
/// Room for a heading, and for a caption of two lines.
const HEADING: u32 = 44;
const CAPTION: u32 = 52;
/// Pixels per dot of the lettering.
const HEADING_DOT: u32 = 3;
const CAPTION_DOT: u32 = 2;

/// Pictures that belong together.
#[derive(Debug)]
pub struct Section<'a> {
    /// What stands above them.
    pub heading: String,
    /// In rows, from left to right.
    pub pictures: &'a [RgbImage],
    /// Below each, if there are as many.
    pub captions: &'a [&'a str],
    /// Of the squares they stand in: [`SMALL`] or [`LARGE`].
    pub side: u32,
    /// Pictures of a row.
    pub per_row: u32,
}

impl Section<'_> {
    fn rows(&self) -> u32 {
        (self.pictures.len() as u32).div_ceil(self.per_row)
    }

    fn row_height(&self) -> u32 {
        self.side + GAP + if self.captions.is_empty() { 0 } else { CAPTION }
    }

    fn width(&self) -> u32 {
        GAP + (self.pictures.len() as u32).min(self.per_row) * (self.side + GAP)
    }

    fn height(&self) -> u32 {
        HEADING + self.rows() * self.row_height()
    }

    fn put(&self, paper: &mut RgbImage, top: u32) {
        write(paper, &self.heading, (GAP, top), HEADING_DOT, INK);
        for (index, picture) in self.pictures.iter().enumerate() {
            let (column, row) = (index as u32 % self.per_row, index as u32 / self.per_row);
            let (x, y) = (GAP + column * (self.side + GAP), top + HEADING + row * self.row_height());
            place(paper, picture, (x, y), self.side);
            let caption = self.captions.get(index).copied().unwrap_or_default();
            for (line, text) in wrap(caption, fit(self.side, CAPTION_DOT)).iter().take(2).enumerate() {
                write(paper, text, (x, y + self.side + 12 + line as u32 * 20), CAPTION_DOT, FAINT);
            }
        }
    }
}

/// Puts everything on one sheet.
pub fn sheet(sections: &[Section<'_>]) -> RgbImage {
    let width = sections.iter().map(Section::width).max().unwrap_or(GAP);
    let height = GAP + sections.iter().map(Section::height).sum::<u32>();
    let mut paper = RgbImage::from_pixel(width, height, PAPER);
    let mut top = GAP;
    for section in sections {
        section.put(&mut paper, top);
        top += section.height();
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
