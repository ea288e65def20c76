//! `cargo run --release -p pretraining -- …`: see `--help` and docs/mini-model.md.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a command-line tool speaks on its terminal")]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use engine::tch::Device;
use engine::{DeviceChoice, Precision};
use model::weights::TaesdSource;
use model::{BaseModel, ModelReference, Vae};
use pretraining::autoencoder::{self, FineTuning, fidelity};
use pretraining::embedding;
use pretraining::error::{PretrainingError, Result};
use pretraining::latents::Encoding;
use pretraining::measure::concept::{ConceptSettings, Judge};
use pretraining::measure::{self, Settings, classifier};
use pretraining::recipe::Recipe;
use pretraining::run::run;
use pretraining::run_folder::RunFolder;
use pretraining::sheet::grid;
use pretraining::start;
use serde_json::json;
use toyworld::World;

/// Pictures of a sheet, and of one of its rows.
const SHOWN: usize = 100;
const COLUMNS: u32 = 10;

/// Trains the miniature that comes with the program.
#[derive(Debug, Parser)]
#[command(name = "pretraining")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fine-tune TAESD on the toy world
    Autoencoder(AutoencoderArgs),
    /// Train text encoder and UNet; the same command again goes on where it was interrupted
    Train(TrainArgs),
    /// Write the trained model as one file in 8 bits
    Embed(EmbedArgs),
    /// Draw held-out captions with a model and compare with the world
    Measure(MeasureArgs),
    /// Draw the tutorial's doll with a model that was trained on her, and compare with renderings of her and of others
    Concept(ConceptArgs),
}

#[derive(Debug, Args)]
struct AutoencoderArgs {
    /// The run's folder, which keeps the result
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder with taesd_encoder.safetensors and taesd_decoder.safetensors
    #[arg(long, value_name = "DIR")]
    taesd: PathBuf,
    /// Of the pictures and their order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Pictures of the toy world that it learns from
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..))]
    pictures: u64,
    /// Optimizer steps of eight pictures each
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Leave the encoder as it is
    #[arg(long)]
    decoder_only: bool,
    #[command(flatten)]
    machine: MachineArgs,
}

#[derive(Debug, Args)]
struct TrainArgs {
    /// The run's folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Of pictures, first weights and noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Pictures of the toy world that it learns from
    #[arg(long, default_value_t = 16_384, value_parser = clap::value_parser!(u64).range(1..))]
    pictures: u64,
    /// Optimizer steps of 32 pictures each, of the whole run
    #[arg(long, default_value_t = 32_000, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// What pictures are encoded in, which is done once: fp32 or bf16
    #[arg(long, default_value = "fp32")]
    latents_precision: Precision,
    /// Begin with this model instead of random weights, and with its autoencoder
    #[arg(long, value_name = "MODEL")]
    from: Option<ModelReference>,
    #[command(flatten)]
    machine: MachineArgs,
}

#[derive(Debug, Args)]
struct EmbedArgs {
    /// The run's folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
struct MeasureArgs {
    /// The model
    #[arg(long, value_name = "MODEL")]
    model: ModelReference,
    /// Gets a sheet of the first hundred pictures; beside it, as .txt, their captions
    #[arg(long, value_name = "PNG", value_parser = picture_file)]
    sheet: Option<PathBuf>,
    /// Captions that are drawn, half of them held-out combinations
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    captions: u64,
    /// Renderings that the classifier of attributes learns from
    #[arg(long, default_value_t = 6144, value_parser = clap::value_parser!(u64).range(classifier::RENDERINGS_MIN..))]
    renderings: u64,
    /// Of all of it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

#[derive(Debug, Args)]
struct ConceptArgs {
    /// The model before the training
    #[arg(long, value_name = "MODEL", default_value = "mini")]
    model: ModelReference,
    /// The trained model; may be given several times
    #[arg(long, value_name = "MODEL")]
    trained: Vec<ModelReference>,
    /// Gets what each model drew, the model before the training first; a row for each prompt
    #[arg(long, value_name = "PNG", value_parser = picture_file)]
    sheet: Option<PathBuf>,
    /// Prompts that are drawn, of the ten that there are
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10))]
    prompts: u64,
    /// Pictures of each prompt
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Renderings that a classifier of attributes learns from; without, attributes are not read
    #[arg(long, value_parser = clap::value_parser!(u64).range(classifier::RENDERINGS_MIN..))]
    renderings: Option<u64>,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

#[derive(Debug, Args)]
struct MachineArgs {
    /// What the networks compute in: fp32 or bf16
    #[arg(long, default_value = "fp32")]
    precision: Precision,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

/// A path whose ending names a format in which pictures are written: asked before hours of work, not after.
fn picture_file(path: &str) -> std::result::Result<PathBuf, String> {
    image::ImageFormat::from_path(path).map_err(|_| "end its name in .png or .jpg".to_owned())?;
    Ok(path.into())
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Autoencoder(args) => fine_tune(&args),
        Task::Train(args) => train(&args),
        Task::Embed(args) => embed(&args),
        Task::Measure(args) => measure_model(&args),
        Task::Concept(args) => measure_concept(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fine_tune(args: &AutoencoderArgs) -> Result<()> {
    let folder = RunFolder::open(&args.out)?;
    let device = engine::open_device(args.machine.device)?;
    let world = World::new(args.seed);
    let taesd = TaesdSource::in_folder(&args.taesd)?;
    eprintln!("TAESD as it is: {}", describe(&Vae::taesd(&args.taesd, device)?, &world, device));
    let settings = FineTuning {
        steps: args.steps,
        pictures: args.pictures,
        encoder: !args.decoder_only,
        seed: args.seed,
        compute: args.machine.precision.kind(),
    };
    let report = |step, loss| eprintln!("step {step}: loss {loss:.4}");
    let weights = autoencoder::fine_tune(&taesd, &world, device, settings, report)?;
    autoencoder::write(&weights, &folder.autoencoder())?;
    eprintln!("fine-tuned: {}", describe(&start::autoencoder(&folder.autoencoder(), device)?, &world, device));
    Ok(())
}

fn describe(vae: &Vae, world: &World, device: Device) -> String {
    let found = fidelity(vae, world, device);
    format!("{:.2} dB on held-out pictures, latents deviate by {:.3}", found.psnr, found.latent_deviation)
}

fn train(args: &TrainArgs) -> Result<()> {
    let precision = args.machine.precision;
    let recipe = Recipe { seed: args.seed, pictures: args.pictures, steps: args.steps, precision };
    let folder = RunFolder::open(&args.out)?;
    folder.claim(&recipe)?;
    let device = engine::open_device(args.machine.device)?;
    if !folder.start().exists() {
        match &args.from {
            Some(model) => BaseModel::open(model)?.export(&folder.start())?,
            None => start::draw(&folder.start(), recipe.seed, &folder.autoencoder())?,
        }
    }
    let base = start::open(&folder.start())?;
    let world = World::new(recipe.seed);
    let latents = {
        let vae = base.vae(device, args.latents_precision.kind())?;
        let encoder = start::encoder_name(&vae)?;
        let encoding = Encoding { world: &world, vae: &vae, encoder: &encoder, device };
        encoding
            .cache(&folder.latents(), recipe.pictures, |done| eprintln!("{done} of {} pictures", recipe.pictures))?
    };
    run(&folder, &recipe, &base, &latents, device, &mut |line| eprintln!("{line}"))
}

fn embed(args: &EmbedArgs) -> Result<()> {
    let folder = RunFolder::open(&args.out)?;
    let size = embedding::embed(&folder, &args.file)?;
    eprintln!("{}: {size} bytes", args.file.display());
    Ok(())
}

fn measure_model(args: &MeasureArgs) -> Result<()> {
    let device = engine::open_device(args.device)?;
    let settings = Settings { captions: args.captions, renderings: args.renderings, seed: args.seed };
    let base = BaseModel::open(&args.model)?;
    let (measures, gallery) = measure::measure(&base, device, settings, &mut |line| eprintln!("{line}"))?;
    if let Some(path) = &args.sheet {
        let first = gallery.pictures.len().min(SHOWN);
        grid(&gallery.pictures[..first], COLUMNS).save(path)?;
        let text = path.with_extension("txt");
        fs::write(&text, gallery.captions[..first].join("\n") + "\n").map_err(|source| PretrainingError::Io {
            action: "write",
            path: text,
            source,
        })?;
    }
    println!("{}", serde_json::to_string_pretty(&measures).unwrap_or_default());
    Ok(())
}

fn measure_concept(args: &ConceptArgs) -> Result<()> {
    let device = engine::open_device(args.device)?;
    let base = BaseModel::open(&args.model)?;
    let settings = ConceptSettings { prompts: args.prompts as usize, seeds: args.seeds, renderings: args.renderings };
    let judge = Judge::new(&base, device, settings, &mut |line| eprintln!("{line}"))?;
    let mut figures = json!({ "renderings": judge.of_renderings() });
    let mut pictures = Vec::new();
    for model in std::iter::once(&args.model).chain(&args.trained) {
        eprintln!("{model} draws");
        let (measures, drawn) = judge.measure(&BaseModel::open(model)?)?;
        figures[model.to_string()] = json!(measures);
        pictures.extend(drawn);
    }
    if let Some(path) = &args.sheet {
        grid(&pictures, args.seeds as u32).save(path)?;
    }
    println!("{}", serde_json::to_string_pretty(&figures).unwrap_or_default());
    Ok(())
}
