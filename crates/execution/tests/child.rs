//! The child's loop in a process of its own: this program, started anew with the word `child`. Hence no usual test harness.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the harness says what it runs")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use execution::{ChildLimits, ChildSettings};
use protocol::{Assignment, ChildMessage, FailureCode, JobEvent, Stage, SupervisorMessage};
use support::{Job, picture};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|word| word == "child") {
        return be_a_child(&args[1], &args[2..]);
    }
    let tests: [(&str, fn()); 7] = [
        (
            "a_child_says_its_device_does_a_job_and_ends_when_told",
            a_child_says_its_device_does_a_job_and_ends_when_told,
        ),
        (
            "a_device_that_is_not_there_is_said_before_the_child_ends",
            a_device_that_is_not_there_is_said_before_the_child_ends,
        ),
        ("a_cancelled_child_answers_and_stays", a_cancelled_child_answers_and_stays),
        (
            "a_word_to_stop_that_came_too_late_leaves_the_next_job_alone",
            a_word_to_stop_that_came_too_late_leaves_the_next_job_alone,
        ),
        ("a_child_ends_at_once_when_its_supervisor_is_gone", a_child_ends_at_once_when_its_supervisor_is_gone),
        (
            "a_job_that_asks_for_too_much_memory_is_answered_and_the_child_lives",
            a_job_that_asks_for_too_much_memory_is_answered_and_the_child_lives,
        ),
        ("a_file_beyond_the_limit_ends_the_child", a_file_beyond_the_limit_ends_the_child),
    ];
    let wanted = |name: &str| args.iter().filter(|arg| !arg.starts_with('-')).all(|word| name.contains(word.as_str()));
    if args.iter().any(|arg| arg == "--list") {
        return tests.iter().for_each(|(name, _)| println!("{name}: test"));
    }
    for (name, test) in tests.into_iter().filter(|(name, _)| wanted(name)) {
        test();
        println!("test {name} ... ok");
    }
}

fn be_a_child(device: &str, limits: &[String]) {
    let limit =
        |name: &str| limits.iter().find_map(|limit| limit.strip_prefix(name)).map(|bytes| bytes.parse().unwrap());
    // What the libraries have reserved by now is another number on every machine.
    let address_space_bytes = limit("more-memory=").map(|bytes: u64| reserved_bytes() + bytes);
    let settings = ChildSettings {
        device: device.parse().unwrap(),
        precision: None,
        limits: ChildLimits { file_bytes: limit("file="), address_space_bytes },
        draw_seed: &mut || 7,
        timestamp: &|| "20261123120000".into(),
    };
    execution::child::run(settings).unwrap();
}

/// Address space of this process.
fn reserved_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * pages.split(' ').next().unwrap().parse::<u64>().unwrap()
}

/// A child and both ends of its wire.
struct Wire {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Wire {
    fn start(words: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("child")
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn ready(words: &[&str]) -> Self {
        let mut wire = Self::start(words);
        assert_eq!(wire.next(), Some(ChildMessage::Ready { device: "cpu".into() }));
        wire
    }

    fn tell(&mut self, message: &SupervisorMessage) {
        let line = serde_json::to_string(message).unwrap();
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    fn assign(&mut self, assignment: Assignment) {
        self.tell(&SupervisorMessage::Run(Box::new(assignment)));
    }

    fn next(&mut self) -> Option<ChildMessage> {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    /// The answer to the assignment.
    fn answer(&mut self) -> Option<ChildMessage> {
        loop {
            match self.next() {
                Some(ChildMessage::Event(_) | ChildMessage::File(_)) => {}
                other => return other,
            }
        }
    }

    fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

/// Long enough to be interrupted.
fn long(job: &Job) -> Assignment {
    let mut item = picture(1);
    item["steps"] = 1000.into();
    job.assignment(None, &[item])
}

fn is_step(message: &ChildMessage) -> bool {
    matches!(message, ChildMessage::Event(JobEvent::Step { stage: Stage::Inference, .. }))
}

fn a_child_says_its_device_does_a_job_and_ends_when_told() {
    let (job, mut wire) = (Job::new(), Wire::ready(&["cpu"]));
    wire.assign(job.assignment(None, &[picture(1)]));
    let Some(ChildMessage::Done(output)) = wire.answer() else { panic!("no output") };
    assert_eq!(output.inference[0].images, ["0-0.png"]);
    wire.tell(&SupervisorMessage::End);
    assert!(wire.wait().success(), "its input is still open");
}

fn a_device_that_is_not_there_is_said_before_the_child_ends() {
    let mut wire = Wire::start(&["cuda:77"]);
    let Some(ChildMessage::Unable(failure)) = wire.next() else { panic!("it cannot begin") };
    assert_eq!(failure.code, FailureCode::DeviceUnavailable);
    assert!(!failure.ends_the_job());
    assert!(wire.wait().success());
}

fn a_cancelled_child_answers_and_stays() {
    let (job, mut wire) = (Job::new(), Wire::ready(&["cpu"]));
    for command in [SupervisorMessage::Cancel, SupervisorMessage::FinishSoon] {
        wire.assign(long(&job));
        while !is_step(&wire.next().unwrap()) {}
        wire.tell(&command);
        assert_eq!(wire.answer(), Some(ChildMessage::Stopped));
    }
    wire.assign(job.assignment(None, &[picture(1)]));
    assert!(matches!(wire.answer(), Some(ChildMessage::Done(_))), "the next job is done");
}

fn a_word_to_stop_that_came_too_late_leaves_the_next_job_alone() {
    let (job, mut wire) = (Job::new(), Wire::ready(&["cpu"]));
    wire.tell(&SupervisorMessage::Cancel);
    wire.assign(job.assignment(None, &[picture(1)]));
    assert!(matches!(wire.answer(), Some(ChildMessage::Done(_))));
}

fn a_child_ends_at_once_when_its_supervisor_is_gone() {
    let (job, mut wire) = (Job::new(), Wire::ready(&["cpu"]));
    wire.assign(long(&job));
    while !is_step(&wire.next().unwrap()) {}
    wire.input = None;
    assert_eq!(wire.answer(), None, "in the middle of the job");
    wire.wait();
}

fn a_job_that_asks_for_too_much_memory_is_answered_and_the_child_lives() {
    let (job, mut wire) = (Job::new(), Wire::ready(&["cpu", "more-memory=1200000000"]));
    let mut huge = job.training();
    huge.settings.unet_resolution = 1024;
    wire.assign(job.assignment(Some(huge), &[]));
    match wire.answer() {
        Some(ChildMessage::Failed(failure)) => {
            assert_eq!(failure.code, FailureCode::OutOfMemory);
            assert!(failure.sentence.contains("width, height and batch_size"), "{failure}");
        }
        other => panic!("{other:?}"),
    }
    // Memory is given back, but the address space that glibc has reserved is not: under the limit of this test another job
    // may find too little of it. That the child lives is seen by its good order.
    wire.tell(&SupervisorMessage::End);
    assert!(wire.wait().success());
}

fn a_file_beyond_the_limit_ends_the_child() {
    let (job, mut wire) = (Job::new(), Wire::ready(&["cpu", "file=100000"]));
    wire.assign(job.assignment(Some(job.training()), &[]));
    assert_eq!(wire.answer(), None);
    assert!(!wire.wait().success(), "the model would have been larger");
}
