//! `bench`: trains and draws for real, on pictures of noise, and reports speed and peak memory.

use std::fs;
use std::path::Path;
use std::time::Instant;

use clap::Args;
use engine::memory;
use execution::Compute;
use model::BaseModel;
use protocol::{JobEvent, Stage, TrainSettings, Txt2ImgParams};
use serde_json::{Value, json};
use training::TrainingJob;
use txt2img::{Picture, Pipeline, Txt2ImgError};

use super::by_hand::by_hand;
use super::machine::{cpu_seconds, environment, kernel_capability};
use super::model_argument::{compute, open_model};
use super::progress::Progress;
use crate::cli::ComputeArgs;
use crate::failure::{Failure, cannot};

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// The model, in any form that train takes
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Side of the pictures in pixels, a multiple of 64
    #[arg(long, value_name = "N")]
    resolution: u32,
    /// Images in one training step, and in one drawn batch
    #[arg(long, value_name = "B", default_value_t = 1)]
    batch: u32,
    /// Training steps, and sampling steps
    #[arg(long, value_name = "S", default_value_t = 5)]
    steps: u32,
    /// Train with 8-bit Adam
    #[arg(long = "8-bit-adam")]
    adam_8_bit: bool,
    /// Compute activations again in the backward pass
    #[arg(long)]
    checkpointing: bool,
    /// What is trained: full or lora
    #[arg(long, value_name = "NETWORK", default_value = "full")]
    network: String,
    /// Leave sampling out
    #[arg(long)]
    no_sampling: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// Measures the UNet stage and the sampler. The first step of each is left out of the median: it warms caches.
#[allow(clippy::print_stdout, reason = "the figures are this command's result")]
pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let compute = compute(&args.compute)?;
    let model = open_model(&args.model)?;
    let train = measure_training(args, &model.base, compute)?;
    let sample = if args.no_sampling { Value::Null } else { measure_sampling(args, &model.base, compute)? };
    let figures = json!({
        "model": args.model,
        "resolution": args.resolution,
        "batch": args.batch,
        "adam_8_bit": args.adam_8_bit,
        "checkpointing": args.checkpointing,
        "network": args.network,
        "device": engine::device_name(compute.device),
        "processor": engine::processor_capability().to_string(),
        "precision": compute.precision.to_string(),
        "capability": kernel_capability(),
        "environment": environment(),
        "train": train,
        "sample": sample,
        "cpu_s": cpu_seconds(),
    });
    println!("{}", if args.json { figures.to_string() } else { table(&figures) });
    Ok(())
}

fn measure_training(args: &BenchArgs, base: &BaseModel, compute: Compute) -> Result<Value, Failure> {
    let settings = json!({
        "concept_name": "bench",
        "text_steps": 0,
        "unet_epochs": args.steps,
        "unet_batch_size": args.batch,
        "unet_resolution": args.resolution,
        "unet_8_bit_adam": args.adam_8_bit,
        "gradient_checkpointing": args.checkpointing,
        "network": args.network,
    });
    let settings = TrainSettings::parse_alone(settings, "bench")?;
    let images = tempfile::tempdir()?;
    for index in 0..args.batch {
        write_noise(&images.path().join(format!("{index}.png")), args.resolution, u64::from(index))?;
    }
    memory::reset_peak(compute.device);
    let job = TrainingJob {
        base,
        settings: &settings,
        images_dir: images.path(),
        class_images_dir: None,
        scratch_dir: images.path(),
        // What is measured are the steps.
        checkpoint_steps: Some(u32::MAX),
        device: compute.device,
        precision: compute.precision,
        pictures: None,
        class_cache_dir: None,
        fidelity: None,
    };
    let mut watch = StepWatch::new(Stage::Unet);
    let trained = by_hand(&mut |event| watch.see(&event), |occasion| training::train(&job, occasion))?;
    let parameters = trained.unet.as_ref().map(|unet| model::count_parameters(unet));
    Ok(json!({ "unet_parameters": parameters, "speed": watch.figures(), "memory": peak(compute) }))
}

fn measure_sampling(args: &BenchArgs, base: &BaseModel, compute: Compute) -> Result<Value, Failure> {
    let params = json!({
        "prompt": "a photo of a dog",
        "seed": 1,
        "steps": args.steps,
        "batch_size": args.batch,
        "width": args.resolution,
        "height": args.resolution,
    });
    let params = Txt2ImgParams::parse_item(params, "bench")?;
    memory::reset_peak(compute.device);
    let pipeline = Pipeline::load(base, compute.device, compute.precision)?;
    let mut watch = StepWatch::new(Stage::Inference);
    by_hand(&mut |event| watch.see(&event), |occasion| {
        pipeline.draw(&params, 0, occasion, |_, _| Ok::<(), Txt2ImgError>(()))
    })?;
    Ok(json!({ "speed": watch.figures(), "memory": peak(compute) }))
}

/// A picture of noise, from its own small generator: what is in the pictures does not change the speed.
fn write_noise(path: &Path, side: u32, seed: u64) -> Result<(), Failure> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let rgb = (0..3 * side * side).map(|_| byte()).collect();
    let picture = Picture { width: side, height: side, rgb, seed, infotext: String::new() };
    fs::write(path, picture.to_png()?).map_err(cannot(format!("write {}", path.display())))
}

fn peak(compute: Compute) -> Value {
    json!({
        "peak_rss_bytes": memory::peak_rss_bytes(),
        "peak_device_bytes": memory::device_peak_bytes(compute.device),
    })
}

/// Takes the time of each step of one stage, by the clock and of the processor, and shows the progress of all.
struct StepWatch {
    stage: Stage,
    last: (Instant, f64),
    seconds: Vec<f64>,
    cpu_seconds: Vec<f64>,
    progress: Progress,
}

impl StepWatch {
    fn new(stage: Stage) -> Self {
        Self {
            stage,
            last: (Instant::now(), cpu_seconds()),
            seconds: Vec::new(),
            cpu_seconds: Vec::new(),
            progress: Progress::new(),
        }
    }

    fn see(&mut self, event: &JobEvent) {
        self.progress.show(event);
        match event {
            JobEvent::Step { stage, .. } if *stage == self.stage => {
                let (time, cpu) = self.last;
                self.seconds.push(time.elapsed().as_secs_f64());
                self.cpu_seconds.push(cpu_seconds() - cpu);
                self.last = (Instant::now(), cpu_seconds());
            }
            JobEvent::Stage { .. } => self.last = (Instant::now(), cpu_seconds()),
            _ => {}
        }
    }

    /// Seconds by step, and the medians without the first step.
    fn figures(&self) -> Value {
        let step = settled_median(&self.seconds);
        json!({
            "its_per_s": step.map(|seconds| 1.0 / seconds),
            "median_step_s": step,
            "median_step_cpu_s": settled_median(&self.cpu_seconds),
            "step_s": self.seconds,
            "step_cpu_s": self.cpu_seconds,
        })
    }
}

fn settled_median(steps: &[f64]) -> Option<f64> {
    let mut settled = steps.get(1..).filter(|rest| !rest.is_empty()).unwrap_or(steps).to_vec();
    settled.sort_by(f64::total_cmp);
    settled.get(settled.len() / 2).copied()
}

fn table(figures: &Value) -> String {
    let number = |pointer: &str| figures.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let row = |name: &str, part: &str| {
        format!(
            "{name:<8} {:>8.3} it/s {:>8.3} s/step {:>8.3} CPU s/step   peak {:>6.2} GB",
            number(&format!("/{part}/speed/its_per_s")),
            number(&format!("/{part}/speed/median_step_s")),
            number(&format!("/{part}/speed/median_step_cpu_s")),
            number(&format!("/{part}/memory/peak_rss_bytes")) / 1e9,
        )
    };
    let text = |name: &str| figures[name].as_str().unwrap_or_default().to_owned();
    let machine = format!("{} in {}, beside a CPU with {}", text("device"), text("precision"), text("processor"));
    let whole = format!("whole    {:>8.1} CPU s   kernels for {}", number("/cpu_s"), text("capability"));
    [machine, row("train", "train"), row("sample", "sample"), whole].join("\n")
}
