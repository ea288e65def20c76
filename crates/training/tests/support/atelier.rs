//! A painter whose pictures cost one look of the UNet: enough to see whose weights, prompt and seed they are drawn with.

use std::cell::RefCell;
use std::io::{self, Cursor};

use engine::no_grad;
use engine::tch::{Kind, Tensor};
use image::{ImageFormat, Rgb, RgbImage};
use protocol::{FileContent, Leave};
use training::TrainingError;
use training::painter::{Canvas, KeepPicture, Manner, Painter, Sketch};

/// What was drawn and kept.
#[derive(Debug, Default)]
pub(crate) struct Atelier {
    /// Prompt and seed of each picture.
    pub(crate) drawn: RefCell<Vec<(String, u64)>>,
    /// The samples.
    pub(crate) kept: RefCell<Vec<(String, FileContent, Vec<u8>)>>,
    /// Draws nothing and says so.
    pub(crate) on_strike: bool,
}

impl Atelier {
    pub(crate) fn keep(&self, name: &str, content: FileContent, png: &[u8]) -> io::Result<()> {
        self.kept.borrow_mut().push((name.into(), content, png.into()));
        Ok(())
    }
}

impl Painter for Atelier {
    fn draw(
        &self,
        canvas: Canvas<'_>,
        manner: Manner,
        sketches: &[Sketch<'_>],
        stop: &dyn Fn() -> Option<Leave>,
        keep: &mut KeepPicture<'_>,
    ) -> Result<(), TrainingError> {
        for (index, sketch) in sketches.iter().enumerate() {
            if self.on_strike {
                return Err(TrainingError::Draw("the painter is on strike".into()));
            }
            if stop().is_some() {
                return Err(TrainingError::Stopped);
            }
            self.drawn.borrow_mut().push((sketch.prompt.into(), sketch.seed));
            keep(index, png(&answer(canvas, sketch), sketch.seed, manner.side))?;
        }
        Ok(())
    }
}

/// What the UNet answers to a grey picture and the prompt, as bytes.
fn answer(canvas: Canvas<'_>, sketch: &Sketch<'_>) -> Vec<u8> {
    let grey = Tensor::ones([1, 4, 8, 8], (canvas.compute, canvas.device));
    let timestep = Tensor::from_slice(&[500_i64]);
    let look = |context: &Tensor| canvas.unet.forward(&grey, &timestep, &context.to_kind(canvas.compute));
    let answer = no_grad(|| look(sketch.positive) - look(sketch.negative) * 0.5);
    let numbers = Vec::<f32>::try_from(answer.to_kind(Kind::Float).flatten(0, -1)).unwrap();
    numbers.into_iter().flat_map(f32::to_le_bytes).collect()
}

fn png(bytes: &[u8], seed: u64, side: u32) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let at = (x + y * side) as usize;
        Rgb([bytes[at % bytes.len()], (seed >> (8 * (y % 4))) as u8, (3 * x) as u8])
    };
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_fn(side, side, pixel).write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}
