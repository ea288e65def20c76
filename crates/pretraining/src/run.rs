//! The run: from what its folder holds to the last step.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::time::{Duration, Instant};

use engine::tch::Device;
use model::BaseModel;
use protocol::Stage;
use serde_json::{Value, json};
use toyworld::World;
use training::batches::Batches;
use training::latents::LatentCache;
use training::loss::LossRule;
use training::noise::{OffsetNoise, SeededNoise, Streams};
use training::stage::{StagePlan, StepRecord};

use crate::captions::Captions;
use crate::error::{Result, io};
use crate::learner::{Averages, Learner};
use crate::recipe::{BATCH_SIZE, MIN_SNR_GAMMA, Recipe};
use crate::run_folder::RunFolder;
use crate::sheet::{Draughtsman, sheet};
use crate::start;
use crate::states::States;

/// Steps of one line of the log.
const LOGGED_STEPS: u64 = 100;
/// Steps between two sheets; with each, the model is written.
const SHEET_STEPS: u64 = 2000;
/// An interrupted run loses at most so much.
const STATE_INTERVAL: Duration = Duration::from_secs(300);

/// Trains to the end of the recipe. `say` gets a line now and then.
///
/// # Errors
/// When a file cannot be read or written, or the run diverges.
pub fn run(
    folder: &RunFolder,
    recipe: &Recipe,
    base: &BaseModel,
    latents: &LatentCache,
    device: Device,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    let (schedule, streams) = (base.schedule(), Streams::new(recipe.seed));
    let captions = Captions::new(&World::new(recipe.seed), recipe.pictures, streams);
    let noise = SeededNoise::new(streams, schedule.num_train_timesteps() as usize, OffsetNoise::NONE);
    let plan = StagePlan {
        stage: Stage::Unet,
        steps: recipe.steps,
        schedule: &schedule,
        latents,
        batches: Batches::new(streams, latents.len(), BATCH_SIZE),
        noise: &noise,
        loss: LossRule { min_snr_gamma: Some(MIN_SNR_GAMMA), ..LossRule::default() },
        accumulation: 1,
        device,
        compute: recipe.precision.kind(),
    };
    let mut learner = Learner::new(base, recipe, device)?;
    let states = States::new(folder.states(), recipe.clone());
    if let Some(step) = states.resume(&mut learner.state)? {
        say(&format!("goes on after step {step}"));
    }
    let mut log = Log::open(folder)?;
    let mut kept = Instant::now();
    while learner.state.position().step < recipe.steps {
        let record = learner.step(&plan, &captions, recipe)?;
        if let Some(line) = log.take(record)? {
            say(&line);
        }
        let step = record.step;
        if kept.elapsed() >= STATE_INTERVAL || step == recipe.decay_begins() || step == recipe.steps {
            states.keep(&learner.state)?;
            kept = Instant::now();
        }
        if step.is_multiple_of(SHEET_STEPS) || step == recipe.steps {
            show(folder, base, &learner, device)?;
        }
    }
    Ok(())
}

/// Writes the model with averaged weights, and what it draws.
fn show(folder: &RunFolder, base: &BaseModel, learner: &Learner, device: Device) -> Result<()> {
    let Averages { text_encoder, unet } = learner.averages();
    start::with_trained(&folder.model(), base, &text_encoder, &unet)?;
    let draughtsman = Draughtsman::new(&start::open(&folder.model())?, device)?;
    let step = learner.state.position().step;
    sheet(&draughtsman)?.save(folder.sheets().join(format!("{step:08}.png")))?;
    Ok(())
}

/// The log, one line for each hundred steps.
struct Log {
    file: File,
    records: Vec<StepRecord>,
    since: Instant,
}

impl Log {
    fn open(folder: &RunFolder) -> Result<Self> {
        let path = folder.log();
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(io("open", &path))?;
        Ok(Self { file, records: Vec::new(), since: Instant::now() })
    }

    /// Takes in a step; gives a line for a person when one was written.
    fn take(&mut self, record: StepRecord) -> Result<Option<String>> {
        self.records.push(record);
        if !record.step.is_multiple_of(LOGGED_STEPS) {
            return Ok(None);
        }
        let steps = self.records.len() as f64;
        let mean = |number: fn(&StepRecord) -> f64| self.records.iter().map(number).sum::<f64>() / steps;
        let (loss, norm) = (mean(|record| record.loss), mean(|record| record.gradient_norm));
        let seconds = self.since.elapsed().as_secs_f64() / steps;
        let line: Value = json!({
            "step": record.step, "loss": loss, "gradient_norm": norm, "learning_rate": record.learning_rate,
            "seconds_per_step": seconds,
        });
        writeln!(self.file, "{line}").map_err(io("write", "log.jsonl".as_ref()))?;
        self.records.clear();
        self.since = Instant::now();
        let step = record.step;
        Ok(Some(format!("step {step}: loss {loss:.4}, gradient {norm:.3}, {seconds:.3} s a step")))
    }
}
