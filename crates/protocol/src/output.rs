//! What a finished job holds: one shape, whose files are plain names in the child's folder at first, and keys of the
//! artifact store once the supervisor has stored them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The result of a completed job; `F` names a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "F: Deserialize<'de>"))]
pub struct JobOutput<F> {
    /// One entry per item of `input.inference`, in its order; absent when nothing was drawn.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub inference: Vec<ImagesOutput<F>>,
    /// The trained model; absent when nothing was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<TrainOutput<F>>,
}

/// The answer to one item of `input.inference`: the web UI's response with files in place of pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImagesOutput<F> {
    /// PNG files in the order of their seeds.
    pub images: Vec<F>,
    /// The request object with its defaults.
    pub parameters: Value,
    /// JSON text with the resolved seeds, prompts and infotexts.
    pub info: String,
    /// Returned as it came.
    pub passback: Option<Value>,
}

/// The trained model as files in the original naming, fp16.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "F: Deserialize<'de>"))]
pub struct TrainOutput<F> {
    /// `{job id}.ckpt`, the format the original endpoint uploads; absent for a LoRA.
    #[serde(rename = "checkpoint_url", default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<F>,
    /// The same weights as `.safetensors`; for a LoRA the small file of its matrices.
    #[serde(rename = "safetensors_url")]
    pub safetensors: F,
    /// A zip of the model as a folder in diffusers' layout, when it was asked for.
    #[serde(rename = "diffusers_url", default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub diffusers: Option<F>,
    /// `train.json`: losses per step, timings, what became of each image.
    #[serde(rename = "report_url")]
    pub report: F,
    /// The same as a page to look at.
    #[serde(rename = "report_page_url")]
    pub report_page: F,
}

impl<F> Default for JobOutput<F> {
    fn default() -> Self {
        Self { inference: Vec::new(), train: None }
    }
}

impl<F> JobOutput<F> {
    /// The same output with other names of its files.
    ///
    /// # Errors
    /// The first one of `rename`.
    pub fn try_map<G, E>(self, mut rename: impl FnMut(F) -> Result<G, E>) -> Result<JobOutput<G>, E> {
        let train = match self.train {
            Some(TrainOutput { checkpoint, safetensors, diffusers, report, report_page }) => Some(TrainOutput {
                checkpoint: checkpoint.map(&mut rename).transpose()?,
                safetensors: rename(safetensors)?,
                diffusers: diffusers.map(&mut rename).transpose()?,
                report: rename(report)?,
                report_page: rename(report_page)?,
            }),
            None => None,
        };
        let mut inference = Vec::with_capacity(self.inference.len());
        for ImagesOutput { images, parameters, info, passback } in self.inference {
            let images = images.into_iter().map(&mut rename).collect::<Result<_, E>>()?;
            inference.push(ImagesOutput { images, parameters, info, passback });
        }
        Ok(JobOutput { inference, train })
    }
}
