//! Writes a sheet of the world's pictures, or the pictures themselves with their captions beside them:
//! `cargo run --release -p toyworld --example contact_sheet -- --out SHEET.png [--of world|held-out|daiton|red-robot]
//! [--count N] [--first N] [--folder FOLDER]`.

#![allow(clippy::print_stderr, reason = "a command-line tool speaks on its terminal")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use image::{RgbImage, imageops};
use toyworld::{World, daiton, red_robot};

const SIDE: u32 = 128;
const COLUMNS: u32 = 12;
const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut out, mut folder, mut of) = (None, None, "world".to_owned());
    let (mut count, mut first) = (60u64, 0u64);
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--out" => out = Some(PathBuf::from(value)),
            "--folder" => folder = Some(PathBuf::from(value)),
            "--of" => of = value,
            "--count" => count = value.parse()?,
            "--first" => first = value.parse()?,
            _ => return Err(format!("{flag} is none of --out, --folder, --of, --count, --first").into()),
        }
    }
    let world = World::new(SEED);
    let begin = Instant::now();
    let draw = |index: u64| {
        let description = if of == "held-out" { world.held_out(index) } else { world.description(index) };
        (description.render(index, SIDE), description.caption(index))
    };
    let pictures: Vec<(RgbImage, String)> = match of.as_str() {
        "daiton" => daiton::training_pictures(SIDE).into_iter().map(|picture| (picture, "daiton".to_owned())).collect(),
        "red-robot" => {
            red_robot::training_pictures(SIDE).into_iter().map(|picture| (picture, "robot".to_owned())).collect()
        }
        _ => (first..first + count).map(draw).collect(),
    };
    let each = begin.elapsed().as_secs_f64() * 1000.0 / pictures.len().max(1) as f64;
    eprintln!("{} pictures of {SIDE} px, {each:.1} ms each", pictures.len());
    if let Some(folder) = folder {
        fs::create_dir_all(&folder)?;
        for (index, (picture, caption)) in pictures.iter().enumerate() {
            picture.save(folder.join(format!("{index:05}.png")))?;
            fs::write(folder.join(format!("{index:05}.txt")), caption)?;
        }
    }
    if let Some(out) = out {
        let rows = (pictures.len() as u32).div_ceil(COLUMNS);
        let mut sheet = RgbImage::new(COLUMNS * SIDE, rows * SIDE);
        for (index, (picture, _)) in pictures.iter().enumerate() {
            let (column, row) = (index as u32 % COLUMNS, index as u32 / COLUMNS);
            imageops::replace(&mut sheet, picture, i64::from(column * SIDE), i64::from(row * SIDE));
        }
        sheet.save(out)?;
    }
    Ok(())
}
