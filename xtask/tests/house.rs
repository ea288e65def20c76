//! The house keeps its floors: who depends on whom, who may use what, how long files are, how they are named.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A file is read in one sitting.
const LINES_MAX: usize = 500;

/// Longer files, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// Names that say nothing.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "common", "manager", "misc"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Each package of the workspace with what its manifest asks for outside of tests.
fn packages() -> BTreeMap<String, BTreeSet<String>> {
    let answer = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let metadata: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let package = |package: &Value| {
        let needs = package["dependencies"].as_array().unwrap().iter();
        let needs =
            needs.filter(|needed| needed["kind"] != "dev").map(|needed| needed["name"].as_str().unwrap().into());
        (package["name"].as_str().unwrap().into(), needs.collect())
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

/// The floors of ARCHITECTURE.md: the block whose lines begin with a number.
fn floors() -> BTreeMap<String, u32> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut floors = BTreeMap::new();
    for block in text.split("```").skip(1).step_by(2) {
        for line in block.lines() {
            let mut words = line.split_whitespace();
            let Some(Ok(floor)) = words.next().map(str::parse::<u32>) else { continue };
            floors.extend(words.map(|name| (name.to_owned(), floor)));
        }
    }
    floors
}

fn users_of(name: &str) -> Vec<String> {
    packages().into_iter().filter(|(_, needs)| needs.contains(name)).map(|(package, _)| package).collect()
}

/// What a package uses, itself or through other crates of the workspace.
fn reach(package: &str) -> BTreeSet<String> {
    let packages = packages();
    let mut found = BTreeSet::new();
    let mut next = vec![package.to_owned()];
    while let Some(name) = next.pop() {
        let needs = packages.get(&name).into_iter().flatten();
        next.extend(needs.filter(|needed| found.insert((*needed).clone())).cloned());
    }
    assert!(packages.contains_key(package), "the workspace has no crate {package}");
    found
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(&root().join("crates"), &mut found);
    files_below(&root().join("xtask"), &mut found);
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[test]
fn the_table_of_floors_names_every_crate_and_no_other() {
    let mut crates: Vec<String> = packages().into_keys().filter(|name| name != "xtask").collect();
    crates.sort();
    let named: Vec<String> = floors().into_keys().collect();
    assert_eq!(named, crates, "the floors in ARCHITECTURE.md and the packages of the workspace");
}

#[test]
fn a_crate_uses_only_crates_of_lower_floors() {
    let floors = floors();
    for (package, needs) in packages() {
        let Some(floor) = floors.get(&package) else { continue };
        for needed in needs {
            if let Some(below) = floors.get(&needed) {
                assert!(below < floor, "{package} (floor {floor}) uses {needed} (floor {below})");
            }
        }
    }
}

#[test]
fn xtask_uses_nothing_of_the_product_but_its_toys() {
    let floors = floors();
    let ours: Vec<String> = reach("xtask").into_iter().filter(|name| floors.contains_key(name)).collect();
    assert_eq!(ours, ["names", "toyworld"], "it must build before libtorch is there");
}

#[test]
fn sql_is_known_to_jobs_alone() {
    assert_eq!(users_of("sqlx"), ["jobs"]);
}

#[test]
fn the_product_has_one_http_client() {
    assert_eq!(users_of("reqwest"), ["transfer"]);
    assert_eq!(users_of("ureq"), ["xtask"], "the demo is a user of the product, not a part of it");
    for other in ["isahc", "curl", "attohttpc", "surf"] {
        assert!(users_of(other).is_empty(), "{other} is a second HTTP client");
    }
}

#[test]
fn hyper_serves_and_asks_nothing() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for half in ["hyper", "hyper-util"] {
        assert_eq!(users_of(half), ["server"]);
        let declared = workspace.lines().find(|line| line.starts_with(&format!("{half} = "))).unwrap();
        assert!(declared.contains("default-features = false"), "{declared}");
        assert!(
            !declared.contains("client") && !declared.contains("full"),
            "the client of transfer is the only one: {declared}"
        );
        // What the workspace declares, a manifest may add to.
        let manifest = fs::read_to_string(root().join("crates/server/Cargo.toml")).unwrap();
        assert!(
            manifest.contains(&format!("\n{half} = {{ workspace = true }}\n")),
            "{half} takes the workspace's features"
        );
    }
}

#[test]
fn libtorch_is_reached_through_the_engine_alone() {
    assert_eq!(users_of("tch"), ["engine"]);
    assert_eq!(users_of("torch-sys"), ["engine"]);
}

#[test]
fn the_api_knows_no_tensor() {
    let packages = packages();
    for package in ["names", "durable", "protocol", "jobs", "transfer", "server"] {
        for tensor_room in ["engine", "model", "txt2img", "training", "execution", "worker"] {
            assert!(!packages[package].contains(tensor_room), "{package} uses {tensor_room}");
        }
    }
}

#[test]
fn the_supervisor_knows_no_tensor() {
    let uses = reach("worker");
    for tensor_room in ["engine", "model", "txt2img", "training", "execution", "tch", "torch-sys"] {
        assert!(
            !uses.contains(tensor_room),
            "worker reaches {tensor_room}; what computes belongs to the child's crate"
        );
    }
}

#[test]
fn computing_rooms_know_no_network_and_no_store() {
    for package in ["engine", "model", "txt2img", "training", "execution"] {
        let uses = reach(package);
        for outside in ["jobs", "transfer", "server", "worker", "tokio", "axum", "sqlx", "reqwest", "object_store"] {
            assert!(
                !uses.contains(outside),
                "{package} reaches {outside}, but the child knows no network and no store"
            );
        }
    }
}

#[test]
fn only_the_engine_may_be_unsafe() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    for package in packages().into_keys().filter(|package| package != "engine") {
        let folder = if package == "xtask" { "xtask".into() } else { format!("crates/{package}") };
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{package} does not take the workspace's lints");
    }
    // Put together here, so that this file does not hold what it looks for.
    let words = ["fn", "{", "impl", "extern"].map(|next| format!("{} {next}", "unsafe"));
    for file in rust_files() {
        let text = fs::read_to_string(&file).unwrap();
        let is_unsafe = words.iter().any(|word| text.contains(word.as_str()));
        assert!(!is_unsafe || file.starts_with(root().join("crates/engine")), "{} is unsafe", shown(&file));
    }
}

#[test]
fn a_file_is_read_in_one_sitting() {
    for file in rust_files() {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        let name = shown(&file);
        let excused = LONG_FILES.iter().any(|(path, reason)| *path == name && !reason.is_empty());
        assert!(lines <= LINES_MAX || excused, "{name} has {lines} lines; split it by idea (at most {LINES_MAX})");
    }
}

#[test]
fn files_are_named_after_what_they_hold() {
    for file in rust_files() {
        for part in shown(&file).split(['/', '.']) {
            assert!(!EMPTY_NAMES.contains(&part), "{} is named {part}; name it after its idea", shown(&file));
        }
    }
}

#[test]
fn every_proof_that_the_page_of_promises_names_is_a_test() {
    let page = fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let sources: String = rust_files().iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    // Names of tests are sentences: nothing else in backticks has four words with underscores between.
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(|word| word.matches('_').count() >= 3).collect();
    assert!(named.len() > 30, "the page names its proofs in backticks");
    for name in named {
        assert!(sources.contains(&format!("fn {name}()")), "docs/reliability.md names {name}, which is no test");
    }
}
