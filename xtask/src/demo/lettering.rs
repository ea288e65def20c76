//! Small captions: capital letters of five by seven dots.

use image::{Rgb, RgbImage};

/// Width of a letter with its gap, in dots.
const ADVANCE: u32 = 6;

/// Writes `text` with its upper left corner at (`x`, `y`), each dot `dot` pixels wide. What has no letter is a gap; what
/// leaves the picture is cut.
pub fn write(picture: &mut RgbImage, text: &str, (x, y): (u32, u32), dot: u32, ink: Rgb<u8>) {
    for (index, character) in text.chars().enumerate() {
        let left = x + index as u32 * ADVANCE * dot;
        for (row, bits) in rows(character.to_ascii_uppercase()).into_iter().enumerate() {
            for column in (0..5).filter(|column| bits & (16 >> column) != 0) {
                square(picture, left + column * dot, y + row as u32 * dot, dot, ink);
            }
        }
    }
}

/// How many letters fit into a width.
pub fn fit(width: u32, dot: u32) -> usize {
    (width / (ADVANCE * dot)) as usize
}

fn square(picture: &mut RgbImage, x: u32, y: u32, side: u32, ink: Rgb<u8>) {
    for (dx, dy) in (0..side).flat_map(|dx| (0..side).map(move |dy| (dx, dy))) {
        if let Some(pixel) = picture.get_pixel_mut_checked(x + dx, y + dy) {
            *pixel = ink;
        }
    }
}

/// Seven rows of five bits, the leftmost dot first.
fn rows(character: char) -> [u8; 7] {
    match character {
        'A' => [14, 17, 17, 31, 17, 17, 17],
        'B' => [30, 17, 17, 30, 17, 17, 30],
        'C' => [14, 17, 16, 16, 16, 17, 14],
        'D' => [30, 17, 17, 17, 17, 17, 30],
        'E' => [31, 16, 16, 30, 16, 16, 31],
        'F' => [31, 16, 16, 30, 16, 16, 16],
        'G' => [14, 17, 16, 23, 17, 17, 15],
        'H' => [17, 17, 17, 31, 17, 17, 17],
        'I' => [14, 4, 4, 4, 4, 4, 14],
        'J' => [1, 1, 1, 1, 1, 17, 14],
        'K' => [17, 18, 20, 24, 20, 18, 17],
        'L' => [16, 16, 16, 16, 16, 16, 31],
        'M' => [17, 27, 21, 21, 17, 17, 17],
        'N' => [17, 25, 21, 19, 17, 17, 17],
        'O' => [14, 17, 17, 17, 17, 17, 14],
        'P' => [30, 17, 17, 30, 16, 16, 16],
        'Q' => [14, 17, 17, 17, 21, 18, 13],
        'R' => [30, 17, 17, 30, 20, 18, 17],
        'S' => [15, 16, 16, 14, 1, 1, 30],
        'T' => [31, 4, 4, 4, 4, 4, 4],
        'U' => [17, 17, 17, 17, 17, 17, 14],
        'V' => [17, 17, 17, 17, 17, 10, 4],
        'W' => [17, 17, 17, 21, 21, 27, 17],
        'X' => [17, 17, 10, 4, 10, 17, 17],
        'Y' => [17, 17, 10, 4, 4, 4, 4],
        'Z' => [31, 1, 2, 4, 8, 16, 31],
        '0' => [14, 17, 19, 21, 25, 17, 14],
        '1' => [4, 12, 4, 4, 4, 4, 14],
        '2' => [14, 17, 1, 6, 8, 16, 31],
        '3' => [30, 1, 1, 14, 1, 1, 30],
        '4' => [2, 6, 10, 18, 31, 2, 2],
        '5' => [31, 16, 30, 1, 1, 17, 14],
        '6' => [14, 16, 30, 17, 17, 17, 14],
        '7' => [31, 1, 2, 4, 8, 8, 8],
        '8' => [14, 17, 17, 14, 17, 17, 14],
        '9' => [14, 17, 17, 15, 1, 1, 14],
        ',' => [0, 0, 0, 0, 0, 4, 8],
        '.' => [0, 0, 0, 0, 0, 0, 4],
        ':' => [0, 0, 4, 0, 0, 4, 0],
        '-' => [0, 0, 0, 14, 0, 0, 0],
        '(' => [2, 4, 8, 8, 8, 4, 2],
        ')' => [8, 4, 2, 2, 2, 4, 8],
        _ => [0; 7],
    }
}
