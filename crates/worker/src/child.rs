//! The child's side: reads an assignment from standard input, answers in JSON lines on standard output.
//!
//! It holds the device and nothing else: no network, no store, no secret. When its standard input closes, its supervisor
//! is gone, and it ends at once, whatever it was doing.

use std::any::Any;
use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use engine::{DeviceChoice, Precision};
use protocol::{Assignment, ChildMessage, SupervisorMessage};

use crate::execution::{Chance, Compute, execute};

/// Serves assignments until standard input closes.
///
/// # Errors
/// When the device cannot be opened or the supervisor does not read any more.
pub fn run(
    device: DeviceChoice,
    precision: Option<Precision>,
    mut draw_seed: impl FnMut() -> u64,
    now: impl Fn() -> String,
) -> io::Result<()> {
    let compute = match Compute::open(device, precision) {
        Ok(compute) => compute,
        Err(error) => return say(&ChildMessage::Failed { error: error.to_string() }),
    };
    say(&ChildMessage::Ready { device: engine::device_name(compute.device) })?;
    for assignment in assignments()? {
        let mut chance = Chance { draw_seed: &mut draw_seed, job_timestamp: now() };
        let answer = answer(&assignment, compute, &mut chance);
        say(&answer)?;
    }
    Ok(())
}

/// Assignments as they arrive. The reader has a thread of its own, so that the end of input is noticed during a job too.
fn assignments() -> io::Result<mpsc::Receiver<Box<Assignment>>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("supervisor".into()).spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if let Ok(SupervisorMessage::Run(assignment)) = serde_json::from_str(&line) {
                let _receiver_lives_as_long_as_the_process = sender.send(assignment);
            }
        }
        std::process::exit(0);
    })?;
    Ok(receiver)
}

/// Does the job. A panic of the tensor engine is the attempt's end: it is let through, the process dies, and the supervisor
/// counts a lost attempt. Only a lack of memory is answered, because the owner can do something about it.
fn answer(assignment: &Assignment, compute: Compute, chance: &mut Chance<'_>) -> ChildMessage {
    // A supervisor that does not read has died; the reader thread ends this process.
    let mut observer = |event| drop(say(&ChildMessage::Event(event)));
    match catch_unwind(AssertUnwindSafe(|| execute(assignment, compute, chance, &mut observer))) {
        Ok(Ok(output)) => ChildMessage::Done(output),
        Ok(Err(error)) => ChildMessage::Failed { error: error.to_string() },
        Err(panic) if lacks_memory(panic.as_ref()) => ChildMessage::Failed {
            error: "The device has too little memory for this job; lower input.train.unet_resolution, \
                    input.train.unet_batch_size or the size and batch_size of the pictures."
                .into(),
        },
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// True for libtorch's ways to say that an allocation failed.
fn lacks_memory(panic: &(dyn Any + Send)) -> bool {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.is_some_and(|text| text.contains("out of memory") || text.contains("can't allocate memory"))
}

/// Writes one message and flushes it.
fn say(message: &ChildMessage) -> io::Result<()> {
    let mut line = serde_json::to_string(message)?;
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}
