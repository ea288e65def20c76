//! `preprocessor_config.json`: transformers' image processors, those of CLIP, BiT and ViT.

use std::path::Path;

use engine::tch::{Kind, Tensor};
use names::{Name as _, names};
use serde_json::{Map, Value};

use super::Picture;
use super::resample::{Filter, resize};
use crate::config::{self, check_size};
use crate::error::{ModelError, Result};

names! {
    /// The image processors that are known. Their newer and older selves (`…Fast`, `…FeatureExtractor`) see the same.
    pub enum ProcessorType: "supported image_processor_type" {
        /// Shortest side to a size, then the middle.
        Clip = "CLIPImageProcessor",
        /// The same; what DINO's successors have.
        Bit = "BitImageProcessor",
        /// To a square, whatever the shape.
        Vit = "ViTImageProcessor",
    }
}

/// Where its settings are, beside a network's weights.
const FILE: &str = "preprocessor_config.json";

/// Largest side that a network is shown: four times what the largest has.
const SIDE_MAX: i64 = 4096;

/// To which size a picture is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    ShortestEdge(usize),
    Exact { width: usize, height: usize },
}

/// From a picture to the input of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageProcessor {
    resize: Option<(Size, Filter)>,
    /// Width and height of the middle that is cut out.
    crop: Option<(usize, usize)>,
    rescale_factor: Option<f64>,
    /// Mean and standard deviation of each channel.
    normalize: Option<([f32; 3], [f32; 3])>,
}

impl ImageProcessor {
    /// The one of `folder`; its defaults where there is no `preprocessor_config.json`, or where that says nothing. `usual` is the
    /// type that a file without one has.
    ///
    /// # Errors
    /// When the file is no JSON of the right form, or of a type that is not known.
    pub fn open(folder: &Path, usual: ProcessorType) -> Result<Self> {
        Self::read(&folder.join(FILE), usual)
    }

    /// As [`Self::open`], of the file at `path`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn read(path: &Path, usual: ProcessorType) -> Result<Self> {
        let keys: Map<String, Value> = if path.exists() { config::read(path, |_| Ok(()))? } else { Map::new() };
        Self::parse(&Keys(&keys), usual).map_err(|reason| ModelError::Config { path: path.into(), reason })
    }

    fn parse(keys: &Keys<'_>, usual: ProcessorType) -> std::result::Result<Self, String> {
        let is_vit = keys.processor_type(usual)? == ProcessorType::Vit;
        let size = match keys.size("size", is_vit)? {
            None if is_vit => Size::Exact { width: 224, height: 224 },
            None => Size::ShortestEdge(224),
            Some(Size::ShortestEdge(_)) if is_vit => {
                return Err(
                    "size has a shortest_edge, but a ViTImageProcessor takes height and width; give these".into()
                );
            }
            Some(size) => size,
        };
        let crop = match keys.size("crop_size", true)? {
            _ if is_vit => None,
            None => Some((224, 224)),
            Some(Size::Exact { width, height }) => Some((width, height)),
            Some(Size::ShortestEdge(_)) => return Err("crop_size has a shortest_edge; give height and width".into()),
        };
        let (mean, std) = if is_vit { ([0.5; 3], [0.5; 3]) } else { (CLIP_MEAN, CLIP_STD) };
        let (mean, std) = (keys.channels("image_mean", mean)?, keys.channels("image_std", std)?);
        if std.contains(&0.0) {
            return Err(format!("image_std is {std:?}; none of its numbers may be 0"));
        }
        let filter = keys.filter(if is_vit { Filter::Bilinear } else { Filter::Bicubic })?;
        let factor = keys.number("rescale_factor")?.unwrap_or(1.0 / 255.0);
        Ok(Self {
            resize: keys.flag("do_resize")?.then_some((size, filter)),
            crop: crop.filter(|_| keys.flag("do_center_crop") != Ok(false)),
            rescale_factor: keys.flag("do_rescale")?.then_some(factor),
            normalize: keys.flag("do_normalize")?.then_some((mean, std)),
        })
    }

    /// Refuses what would show a network pictures of another side than its positions are for.
    ///
    /// # Errors
    /// A sentence that names both sides.
    pub(super) fn refuse_other_side(&self, folder: &Path, image_size: i64) -> Result<()> {
        let shown = match (self.crop, self.resize) {
            (Some(size), _) => Some(size),
            (None, Some((Size::Exact { width, height }, _))) => Some((width, height)),
            _ => None,
        };
        let side = image_size as usize;
        if shown == Some((side, side)) {
            return Ok(());
        }
        let shown = shown.map_or("of any shape".to_owned(), |(width, height)| format!("of {width} × {height} pixels"));
        let reason = format!(
            "it yields pictures {shown}, but image_size in config.json is {image_size}; both must come from one model"
        );
        Err(ModelError::Config { path: folder.join(FILE), reason })
    }

    /// What a network sees of `picture`: `[3, height, width]` f32, on the CPU.
    ///
    /// # Errors
    /// When libtorch has no memory for it.
    pub fn pixel_values(&self, picture: &Picture) -> Result<Tensor> {
        let resized = self.resize.map(|(size, filter)| {
            let (width, height) = size.of(picture);
            resize(picture, width, height, filter)
        });
        let picture = resized.as_ref().unwrap_or(picture);
        let cropped = self.crop.map(|(width, height)| picture.cropped(width, height));
        let picture = cropped.as_ref().unwrap_or(picture);
        let channel = |channel: usize| {
            let values: Vec<f32> = (0..=255).map(|byte| self.value(byte, channel)).collect();
            picture.rgb().iter().skip(channel).step_by(3).map(move |&byte| values[usize::from(byte)])
        };
        let values: Vec<f32> = (0..3).flat_map(channel).collect();
        let shape = [3, picture.height() as i64, picture.width() as i64];
        Ok(Tensor::f_from_slice(&values)?.f_view(shape)?.f_to_kind(Kind::Float)?)
    }

    /// What becomes of a byte: scaled in f64, rounded, then normalised in f32, as transformers does.
    fn value(&self, byte: u8, channel: usize) -> f32 {
        let value = self.rescale_factor.map_or(f32::from(byte), |factor| (f64::from(byte) * factor) as f32);
        self.normalize.map_or(value, |(mean, std)| (value - mean[channel]) / std[channel])
    }
}

/// OpenAI's.
const CLIP_MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_STD: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

impl Size {
    fn of(self, picture: &Picture) -> (usize, usize) {
        let (width, height) = (picture.width(), picture.height());
        match self {
            Self::Exact { width, height } => (width, height),
            // The quotient of two whole numbers in f64, cut off: as transformers has it.
            Self::ShortestEdge(edge) if width <= height => (edge, longer(edge, height, width)),
            Self::ShortestEdge(edge) => (longer(edge, width, height), edge),
        }
    }
}

fn longer(edge: usize, long: usize, short: usize) -> usize {
    ((edge * long) as f64 / short as f64) as usize
}

/// The keys of the file, each read with a sentence of its own.
struct Keys<'a>(&'a Map<String, Value>);

impl Keys<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn processor_type(&self, usual: ProcessorType) -> std::result::Result<ProcessorType, String> {
        let Some(given) = self.get("image_processor_type").or_else(|| self.get("feature_extractor_type")) else {
            return Ok(usual);
        };
        let given = given.as_str().unwrap_or_default();
        let name = given.strip_suffix("Fast").unwrap_or(given).replace("FeatureExtractor", "ImageProcessor");
        name.parse().map_err(|_| {
            let known = ProcessorType::list();
            format!("image_processor_type is {given:?}; known are {known}: give the folder of a model with one of them")
        })
    }

    fn flag(&self, key: &str) -> std::result::Result<bool, String> {
        let refuse = |value: &Value| format!("{key} is {value}; it must be true or false");
        self.get(key).map_or(Ok(true), |value| value.as_bool().ok_or_else(|| refuse(value)))
    }

    fn number(&self, key: &str) -> std::result::Result<Option<f64>, String> {
        let refuse = |value: &Value| format!("{key} is {value}; it must be a number");
        self.get(key).map(|value| value.as_f64().ok_or_else(|| refuse(value))).transpose()
    }

    fn filter(&self, usual: Filter) -> std::result::Result<Filter, String> {
        let Some(value) = self.get("resample") else { return Ok(usual) };
        let refuse = || format!("resample is {value}; known are 1 (lanczos), 2 (bilinear) and 3 (bicubic)");
        value.as_i64().and_then(Filter::numbered).ok_or_else(refuse)
    }

    /// A size as a number, which stands for a square if `squared`, or as its sides.
    fn size(&self, key: &str, squared: bool) -> std::result::Result<Option<Size>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let side = |name: &str, value: &Value| -> std::result::Result<usize, String> {
            let side = value.as_i64().unwrap_or(0);
            check_size(name, side)?;
            if side > SIDE_MAX {
                return Err(format!("{name} is {side}; it must be from 1 to {SIDE_MAX}"));
            }
            Ok(side as usize)
        };
        let named = |name: &str| value.get(name).map(|value| side(&format!("{key}.{name}"), value)).transpose();
        if value.is_number() {
            let side = side(key, value)?;
            return Ok(Some(if squared {
                Size::Exact { width: side, height: side }
            } else {
                Size::ShortestEdge(side)
            }));
        }
        match (named("shortest_edge")?, named("height")?, named("width")?) {
            (Some(edge), _, _) => Ok(Some(Size::ShortestEdge(edge))),
            (None, Some(height), Some(width)) => Ok(Some(Size::Exact { width, height })),
            _ => Err(format!("{key} is {value}; it must be a number, or have a shortest_edge or height and width")),
        }
    }

    /// One number for all channels, or one each. They are rounded to f32, in which they are used.
    fn channels(&self, key: &str, usual: [f64; 3]) -> std::result::Result<[f32; 3], String> {
        let Some(value) = self.get(key) else { return Ok(usual.map(|number| number as f32)) };
        let numbers = match value {
            Value::Array(numbers) => numbers.iter().filter_map(Value::as_f64).collect(),
            number => number.as_f64().map_or_else(Vec::new, |number| vec![number; 3]),
        };
        match numbers.as_slice() {
            &[red, green, blue] => Ok([red as f32, green as f32, blue as f32]),
            _ => Err(format!("{key} is {value}; it must be three numbers")),
        }
    }
}
