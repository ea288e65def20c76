//! `cargo xtask …`: see the crate's documentation and `cargo xtask help`.

#![allow(clippy::print_stderr, reason = "a command-line tool speaks on its terminal")]

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::command::{TaskError, workspace_root};
use xtask::provision::source::Wanted;
use xtask::provision::{driver, nvrtc};
use xtask::{demo, goldens, lint, provision, suite};

/// Set-up, demo, tests and goldens of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fetch libtorch into a shared cache and link it as .libtorch
    Provision {
        /// With the libraries for NVIDIA GPUs: 2.5 GB to download. A checkout keeps them; remove .libtorch to go back
        #[arg(long)]
        cuda: bool,
    },
    /// Train on a few drawn pictures and draw new ones, through the real service
    Demo,
    /// Train the miniature on each folder of real photos, and show what it draws before and after
    Subjects {
        /// A folder of folders
        #[arg(long, value_name = "DIR")]
        concepts: PathBuf,
        /// The sheet to write, .jpg or .png
        #[arg(long, value_name = "FILE", value_parser = demo::files::picture_file)]
        sheet: PathBuf,
    },
    /// Pass the tests; further arguments go to `cargo test`
    Test {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Check format and lints, warnings being errors
    Lint,
    /// Record the golden numbers with the Python references; further arguments go to the recorder
    Goldens {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run one test program, as cargo calls it
    #[command(hide = true)]
    RunTest {
        /// Where the loader finds NVRTC, for tests of kernels
        #[arg(long)]
        nvrtc: Option<PathBuf>,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode, TaskError> {
    if let Task::RunTest { nvrtc, command } = task {
        return Err(suite::run_test(&command, nvrtc.as_deref()));
    }
    let root = workspace_root()?;
    let lint_only = matches!(task, Task::Lint);
    if lint_only {
        lint::format(&root)?;
    }
    let wanted = if let Task::Provision { cuda: true } = task { Wanted::Cuda } else { Wanted::AsBefore };
    let folder = provision::provision(&root, wanted)?;
    match task {
        Task::Provision { cuda } => {
            eprintln!("libtorch 2.11.0 is ready: .libtorch -> {}", folder.display());
            if cuda {
                eprintln!("{}", driver::sentence());
            }
        }
        Task::Demo => demo::run(&root)?,
        Task::Subjects { concepts, sheet } => demo::subjects::run(&root, &concepts, &sheet)?,
        Task::Test { arguments } => {
            return suite::run(&root, &arguments, nvrtc::for_tests(&root.join(".libtorch")).as_deref());
        }
        Task::Lint => lint::clippy(&root)?,
        Task::Goldens { arguments } => goldens::record(&root, &arguments)?,
        Task::RunTest { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}
