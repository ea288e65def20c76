//! txt2img draws the pictures of a training: samples in its middle, and those of a class before it.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use durable::Access;
use engine::tch::Kind;
use protocol::{FileContent, Leave, MadeFile, Stage, Txt2ImgParams};
use serde_json::json;
use training::TrainingError;
use training::painter::{Canvas, KeepPicture, Manner, Painter, Sketch};
use txt2img::{Conditioning, Sitting, Studio, Txt2ImgError};

use crate::execute::Announce;

/// Draws with txt2img.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StudioPainter;

impl Painter for StudioPainter {
    fn draw(
        &self,
        canvas: Canvas<'_>,
        manner: Manner,
        sketches: &[Sketch<'_>],
        stop: &dyn Fn() -> Option<Leave>,
        keep: &mut KeepPicture<'_>,
    ) -> Result<(), TrainingError> {
        let vae = canvas.base.vae(canvas.device, Kind::Float)?;
        let (name, schedule) = (canvas.base.name(), canvas.base.schedule());
        let Canvas { unet, device, compute, .. } = canvas;
        let studio = Studio { name: &name, unet, vae: &vae, schedule: &schedule, device, compute };
        for (index, sketch) in sketches.iter().enumerate() {
            let params = params(manner, sketch.prompt)?;
            let conditioning =
                Conditioning { negative: sketch.negative.shallow_clone(), positive: sketch.positive.shallow_clone() };
            let sitting = Sitting { stop, on_step: &mut |_| {} };
            studio
                .draw(&params, &conditioning, &[sketch.seed], sitting, |picture| {
                    let png = picture.to_png()?;
                    keep(index, png).map_err(Refused::Kept)
                })
                .map_err(TrainingError::from)?;
        }
        Ok(())
    }
}

/// The request that a sketch stands for.
fn params(manner: Manner, prompt: &str) -> Result<Txt2ImgParams, TrainingError> {
    let item = json!({
        "prompt": prompt,
        "width": manner.side,
        "height": manner.side,
        "sampler_name": manner.sampler.as_str(),
        "steps": manner.steps,
        "cfg_scale": manner.cfg_scale,
    });
    Txt2ImgParams::parse_item(item, "the picture").map_err(|error| TrainingError::Draw(error.into()))
}

/// Why a picture was not drawn and kept.
enum Refused {
    Drawn(Txt2ImgError),
    Kept(TrainingError),
}

impl From<Txt2ImgError> for Refused {
    fn from(error: Txt2ImgError) -> Self {
        Self::Drawn(error)
    }
}

impl From<Refused> for TrainingError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Drawn(Txt2ImgError::Stopped) => Self::Stopped,
            Refused::Drawn(error) => Self::Draw(error.into()),
            Refused::Kept(error) => error,
        }
    }
}

/// Keeps a sample in `out_dir` and tells of it.
pub(crate) fn keep_sample(
    out_dir: &Path,
    announce: &RefCell<&mut Announce<'_>>,
    name: &str,
    content: FileContent,
    png: &[u8],
) -> io::Result<()> {
    durable::write(&out_dir.join(name), Access::Usual, |file| file.write_all(png))?;
    (announce.borrow_mut())(MadeFile { file: name.into(), content });
    Ok(())
}

/// Tells of the samples that an earlier attempt left in `out_dir`: what it told of them is forgotten with it.
pub(crate) fn announce_samples(out_dir: &Path, announce: &mut Announce<'_>) {
    let entries = fs::read_dir(out_dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    for file in names {
        if let Some((stage, step)) = sample_of(&file) {
            announce(MadeFile { file, content: FileContent::Sample { stage, step } });
        }
    }
}

/// Stage and step of a sample, by its file's name: `sample-unet-00200-0.png`.
fn sample_of(name: &str) -> Option<(Stage, u64)> {
    let mut parts = name.strip_prefix("sample-")?.strip_suffix(".png")?.split('-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
