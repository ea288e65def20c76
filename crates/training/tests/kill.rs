//! Killed at any moment and started again, a training ends with the bits of one that nobody disturbed. The processes that are
//! killed are this test itself, started again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::env;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread;

use protocol::{JobEvent, Stage};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{Places, Workshop, fingerprint};

/// What a process under test is to do, as JSON; set by the tests for their own children alone.
const ORDERS: &str = "TRAINING_ORDERS";

/// Twenty steps of the text stage, and three images seven times: 21 of the UNet stage.
fn settings() -> Value {
    json!({"text_steps": 20, "unet_epochs": 7, "ema_decay": 0.9, "text_8_bit_adam": true})
}

/// Trains as the orders say: until its death, or to the end.
fn obey(orders: &str) {
    let orders: Value = serde_json::from_str(orders).unwrap();
    let path = |name: &str| PathBuf::from(orders[name].as_str().unwrap());
    let places = Places { config: path("config"), images: path("images"), scratch: path("scratch") };
    if let Some(moment) = orders["die_when"].as_str() {
        let (folder, moment) = (places.scratch.join("checkpoints"), moment.to_owned());
        thread::spawn(move || {
            while !has_come(&folder, &moment) {
                thread::yield_now();
            }
            die();
        });
    }
    let mut log = fs::File::options().append(true).create(true).open(path("log")).unwrap();
    let mut observer = |event| match event {
        JobEvent::Step { stage, step, .. } if orders["die_at"] == json!([stage, step]) => die(),
        JobEvent::Note { message } | JobEvent::Warning { message } => writeln!(log, "{message}").unwrap(),
        _ => {}
    };
    let trained = places.run_with(&orders["settings"], Some(1), &mut observer, &|| None).unwrap();
    fs::write(path("fingerprint"), hex::encode(Sha256::digest(fingerprint(&trained)))).unwrap();
}

fn die() -> ! {
    kill_process(getpid(), Signal::KILL).unwrap();
    unreachable!("SIGKILL is not survived")
}

/// Whether a checkpoint is being written and has come so far.
fn has_come(folder: &Path, moment: &str) -> bool {
    let checkpoints = fs::read_dir(folder).into_iter().flatten().flatten();
    checkpoints.map(|checkpoint| checkpoint.path()).any(|dir| {
        let has = |name: &str| dir.join(name).exists();
        match moment {
            "empty" => !has("state.safetensors") && part_bytes(&dir).is_none() && !has("manifest.json"),
            "state" => has("state.safetensors") && !has("history.json"),
            "history" => has("history.json") && !has("manifest.json"),
            bytes => !has("state.safetensors") && part_bytes(&dir).is_some_and(|found| found >= bytes.parse().unwrap()),
        }
    })
}

/// The length of the longest temporary file.
fn part_bytes(dir: &Path) -> Option<u64> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    let parts = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "part"));
    parts.filter_map(|part| part.metadata().ok()).map(|found| found.len()).max()
}

/// A training that is done by one process after the other.
struct Relay {
    test: &'static str,
    workshop: Workshop,
    settings: Value,
}

impl Relay {
    fn new(test: &'static str, settings: Value) -> Self {
        Self { test, workshop: Workshop::new(), settings }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.workshop.images.path().with_extension(name)
    }

    /// A process that goes on with the training, under more `orders`; `starter` starts it in its own place.
    fn process(&self, starter: &[&str], orders: &Value) -> ExitStatus {
        let Places { config, images, scratch } = self.workshop.places();
        let mut all = json!({
            "config": config, "images": images, "scratch": scratch, "settings": self.settings, "log": self.file("log"),
            "fingerprint": self.file("fingerprint"),
        });
        all.as_object_mut().unwrap().extend(orders.as_object().unwrap().clone());
        let this = env::current_exe().unwrap();
        let words: Vec<_> = starter.iter().map(AsRef::as_ref).chain([this.as_os_str()]).collect();
        let process = Command::new(words[0])
            .args(&words[1..])
            .args(["--exact", self.test])
            .env(ORDERS, all.to_string())
            // What is compared are bits: the same number of threads everywhere, and few for so small a model.
            .env("OMP_NUM_THREADS", "1")
            .output()
            .unwrap();
        if !process.status.success() && process.status.signal().is_none() {
            panic!("{}", String::from_utf8_lossy(&process.stdout));
        }
        process.status
    }

    fn dies(&self, orders: &Value) {
        let status = self.process(&[], orders);
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{orders} was not reached");
    }

    /// Goes on to the end; gives the hash of all bits that were trained.
    fn ends(&self) -> String {
        assert!(self.process(&[], &json!({})).success());
        fs::read_to_string(self.file("fingerprint")).unwrap()
    }

    fn log(&self) -> Vec<String> {
        fs::read_to_string(self.file("log")).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for name in ["log", "fingerprint"] {
            drop(fs::remove_file(self.file(name)));
        }
    }
}

/// The hash of the same training in one process.
fn undisturbed(test: &'static str, settings: &Value) -> String {
    Relay::new(test, settings.clone()).ends()
}

#[test]
fn killed_at_every_step_once_it_ends_with_the_same_bits() {
    if let Ok(orders) = env::var(ORDERS) {
        return obey(&orders);
    }
    const TEST: &str = "killed_at_every_step_once_it_ends_with_the_same_bits";
    let relay = Relay::new(TEST, settings());
    let steps = [(Stage::Text, 20), (Stage::Unet, 21)]
        .into_iter()
        .flat_map(|(stage, steps)| (1..=steps).map(move |step| (stage, step)));
    let mut kills = 0;
    for (stage, step) in steps {
        relay.dies(&json!({"die_at": [stage, step]}));
        kills += 1;
    }
    assert!(relay.ends() == undisturbed(TEST, &relay.settings), "other bits");
    // The first process had nothing to go on from, nor had the one after it: it had died in the first step.
    let gone_on = relay.log().iter().filter(|line| line.contains("it goes on after step")).count();
    assert_eq!((kills, gone_on), (41, 40), "{:?}", relay.log());
    assert!(relay.log().iter().all(|line| !line.contains("is not whole")), "no write was interrupted");
}

#[test]
fn killed_while_a_checkpoint_is_written_it_ends_with_the_same_bits() {
    if let Ok(orders) = env::var(ORDERS) {
        return obey(&orders);
    }
    const TEST: &str = "killed_while_a_checkpoint_is_written_it_ends_with_the_same_bits";
    let relay = Relay::new(TEST, json!({"text_steps": 10, "unet_epochs": 4, "text_training": "joint"}));
    let moments = ["empty", "0", "1", "300000", "1000000", "state", "history"];
    for moment in moments {
        relay.dies(&json!({"die_when": moment}));
    }
    assert!(relay.ends() == undisturbed(TEST, &relay.settings), "other bits");
    let torn = relay.log().iter().filter(|line| line.contains("is not whole")).count();
    assert!(torn >= 4, "most of {} processes died in time: {:?}", moments.len(), relay.log());
}

/// A limit of the length of files stands for a full disk: both refuse to write on, with an error.
#[test]
fn a_disk_without_room_costs_one_warning_and_no_bit() {
    if let Ok(orders) = env::var(ORDERS) {
        return obey(&orders);
    }
    const TEST: &str = "a_disk_without_room_costs_one_warning_and_no_bit";
    let relay = Relay::new(TEST, json!({}));
    // Room for the text encoder, and not for its moments as well.
    let limited = ["bash", "-c", "trap '' XFSZ; ulimit -f 3000; exec \"$0\" \"$@\""];
    assert!(relay.process(&limited, &json!({})).success());
    let limited = fs::read_to_string(relay.file("fingerprint")).unwrap();
    let log = relay.log();
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("A checkpoint could not be written into")).collect();
    assert_eq!(warnings.len(), 1, "{log:?}");
    assert!(warnings[0].contains(&relay.workshop.scratch.path().display().to_string()), "it names the folder");
    assert!(limited == undisturbed(TEST, &relay.settings), "other bits");
}
