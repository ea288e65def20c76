//! The same work by hand: train, txt2img, convert, bench.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::processes::signal;
use crate::support::service::wait_for;
use crate::support::{photos_zip, program, quick_picture, quick_training};

fn run(args: &[&str]) -> Output {
    Command::new(program()).args(args).args(["--device", "cpu"]).output().unwrap()
}

fn run_well(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).display().to_string()
}

/// Writes a zip of three photos and the parameters of a quick training; gives their paths.
fn training_files(dir: &Path) -> (String, String) {
    let (zip, params) = (path(dir, "photos.zip"), path(dir, "train.json"));
    fs::write(&zip, photos_zip()).unwrap();
    let mut training = quick_training("");
    training.as_object_mut().unwrap().remove("data_url");
    fs::write(&params, training.to_string()).unwrap();
    (zip, params)
}

#[test]
fn train_writes_both_formats_and_a_report_and_txt2img_draws_from_either_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (zip, params) = training_files(dir.path());
    let out = path(dir.path(), "out");
    let trained = run(&["train", "--model", "random:mini", "--data", &zip, "--params", &params, "--out", &out]);
    let told = String::from_utf8(trained.stderr).unwrap();
    assert!(trained.status.success(), "{told}");
    let closing = "model.safetensors, model.ckpt, train.json and train.html (open it in a browser) are in ";
    assert!(told.contains(&format!("{closing}{out}")), "{told}");
    for file in ["model.safetensors", "model.ckpt", "train.html"] {
        assert!(Path::new(&out).join(file).exists(), "{file}");
    }
    let report: Value = serde_json::from_slice(&fs::read(dir.path().join("out/train.json")).unwrap()).unwrap();
    assert_eq!(report["images"].as_array().unwrap().len(), 3);

    let request = path(dir.path(), "item.json");
    fs::write(&request, quick_picture().to_string()).unwrap();
    let draw = |model: &str| {
        let (model, drawn) = (path(dir.path(), &format!("out/{model}")), path(dir.path(), &format!("from-{model}")));
        run_well(&["txt2img", "--model", &model, "--request", &request, "--out", &drawn]);
        let response: Value =
            serde_json::from_slice(&fs::read(Path::new(&drawn).join("response.json")).unwrap()).unwrap();
        assert_eq!(response["images"], json!(["0.png"]));
        fs::read(Path::new(&drawn).join("0.png")).unwrap()
    };
    assert_eq!(draw("model.safetensors"), draw("model.ckpt"));
}

#[test]
fn a_training_is_judged_by_dino_and_a_folder_that_cannot_judge_is_refused_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (zip, params) = training_files(dir.path());
    let (out, nowhere) = (path(dir.path(), "out"), path(dir.path(), "nowhere"));
    let judges = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/goldens/vision");
    let (clip, dino) = (path(&judges, "clip"), path(&judges, "dino"));
    let train = ["train", "--model", "random:mini", "--data", &zip, "--params", &params, "--out", &out];
    let refused = |words: &[&str]| {
        let output = run(words);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let sentence = refused(&[&train[..], &["--dino-model", &clip]].concat());
    assert_eq!(
        sentence,
        format!(
            "error: --dino-model {clip} cannot be used: {clip}/config.json: model_type is \"clip\"; only vit is supported: \
             give the folder of a ViTModel, such as facebook/dino-vits16; give another folder, or leave --dino-model out\n"
        )
    );
    let data = path(dir.path(), "data");
    let sentence = refused(&["worker", "--data-dir", &data, "--clip-model", &nowhere]);
    assert_eq!(
        sentence,
        format!(
            "error: --clip-model {nowhere} is no folder; give that of transformers' CLIPModel, such as \
             openai/clip-vit-base-patch32, or leave --clip-model out\n"
        )
    );
    assert!(!Path::new(&out).exists(), "nothing was begun");

    run_well(&[&train[..], &["--dino-model", &dino]].concat());
    let report: Value = serde_json::from_slice(&fs::read(dir.path().join("out/train.json")).unwrap()).unwrap();
    assert!(report["fidelity"]["before"]["dino"].is_number() && report["fidelity"]["after"]["dino"].is_number());
}

#[test]
fn a_training_that_is_interrupted_by_hand_goes_on_when_it_is_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let (zip, params) = training_files(dir.path());
    fs::write(
        &params,
        json!({"text_steps": 2, "text_resolution": 64, "unet_epochs": 10, "unet_resolution": 64}).to_string(),
    )
    .unwrap();
    let [out, other] = ["out", "other"].map(|name| path(dir.path(), name));
    let train = |out: &str| {
        let words =
            ["train", "--model", "random:mini", "--device", "cpu", "--data", &zip, "--params", &params, "--out", out];
        let mut command = Command::new(program());
        command.args(words).args(["--checkpoint-steps", "6"]).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let unfinished = dir.path().join("out/unfinished");
    let kept = |step: u64| unfinished.join(format!("checkpoints/unet-{step}/manifest.json")).exists();
    // One is killed, the next is asked to leave.
    for (signal_name, step, expected) in [("KILL", 6, (None, Some(9))), ("INT", 12, (Some(130), None))] {
        let mut training = train(&out);
        wait_for("a checkpoint", || (step..30).any(kept).then_some(()));
        let at_the_same_time = train(&out).wait_with_output().unwrap();
        let sentence = String::from_utf8_lossy(&at_the_same_time.stderr).into_owned();
        assert!(sentence.contains("another training writes into"), "{sentence}");
        signal(training.id(), signal_name);
        let status = training.wait().unwrap();
        assert_eq!((status.code(), status.signal()), expected);
    }
    let last = train(&out).wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&last.stderr).into_owned();
    assert!(last.status.success() && log.contains("it goes on after step"), "{log}");
    assert!(!unfinished.exists(), "nothing else is left");
    let report: Value = serde_json::from_slice(&fs::read(dir.path().join("out/train.json")).unwrap()).unwrap();
    assert_eq!(report["resumed"], 2);
    assert!(train(&other).wait().unwrap().success());
    let model = |out: &str| fs::read(Path::new(out).join("model.safetensors")).unwrap();
    assert!(model(&out) == model(&other), "other weights than those of an undisturbed training");
}

#[test]
fn convert_goes_both_ways_without_changing_a_bit() {
    let dir = tempfile::tempdir().unwrap();
    let [first, ckpt, second] = ["a.safetensors", "b.ckpt", "c.safetensors"].map(|name| path(dir.path(), name));
    for (from, to) in [("random:mini@3", &first), (first.as_str(), &ckpt), (ckpt.as_str(), &second)] {
        let output = Command::new(program()).args(["convert", "--from", from, "--to", to]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(fs::read(first).unwrap() == fs::read(second).unwrap());
}

#[test]
fn bench_reports_speed_and_peak_memory_as_json() {
    let text = run_well(&["bench", "--model", "random:mini", "--resolution", "64", "--steps", "3", "--json"]);
    let figures: Value = serde_json::from_str(&text).unwrap();
    for part in ["train", "sample"] {
        assert!(figures[part]["speed"]["its_per_s"].as_f64().unwrap() > 0.0, "{text}");
        assert_eq!(figures[part]["speed"]["step_s"].as_array().unwrap().len(), 3, "{text}");
        assert!(figures[part]["memory"]["peak_rss_bytes"].as_u64().unwrap() > 0, "{text}");
    }
}

#[test]
fn bench_says_what_a_comparison_must_know_of_its_machine() {
    let text = run_well(&["bench", "--model", "random:mini", "--resolution", "64", "--steps", "2", "--json"]);
    let figures: Value = serde_json::from_str(&text).unwrap();
    assert!(["DEFAULT", "AVX2", "AVX512"].contains(&figures["capability"].as_str().unwrap()), "{text}");
    for (name, value) in worker::child_environment::ENVIRONMENT {
        let set = std::env::var(name).unwrap_or_else(|_| value.to_owned());
        assert_eq!(figures["environment"][name], set, "{text}");
    }
    let whole = figures["cpu_s"].as_f64().unwrap();
    let steps = figures["train"]["speed"]["step_cpu_s"].as_array().unwrap().iter();
    let steps: f64 = steps.map(|seconds| seconds.as_f64().unwrap()).sum();
    assert!(0.0 < steps && steps < whole, "{text}");
}

#[test]
fn a_wrong_argument_is_answered_with_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let (zip, params) = training_files(dir.path());
    let out = path(dir.path(), "out");
    let cases = [
        (
            vec!["train", "--model", "no/such/model/here", "--data", &zip, "--params", &params, "--out", &out],
            "is not a model",
        ),
        (
            vec!["train", "--model", "random:mini", "--data", "absent.zip", "--params", &params, "--out", &out],
            "absent.zip",
        ),
        (
            vec!["train", "--model", "random:mini", "--data", &zip, "--params", "absent.json", "--out", &out],
            "absent.json",
        ),
    ];
    for (args, words) in cases {
        let output = run(&args);
        let sentence = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && sentence.contains(words), "{args:?}: {sentence}");
    }
}
