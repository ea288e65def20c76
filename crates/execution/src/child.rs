//! The child's loop: reads commands from standard input, answers in JSON lines on standard output (`protocol::child`).
//!
//! It holds the device and nothing else: no network, no store, no secret. When its standard input closes, its supervisor
//! is gone, and it ends at once, whatever it was doing.

use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use engine::{DeviceChoice, Precision};
use protocol::{Assignment, ChildMessage, Leave, Occasion, SupervisorMessage};
use rustix::process::{Signal, getpid, kill_process};

use crate::compute::Compute;
use crate::execute::execute;
use crate::failure::{is_lack_of_memory, of_device, out_of_memory};
use crate::limits::ChildLimits;
use crate::warm::Warm;

/// What a child is started with.
pub struct ChildSettings<'a> {
    /// The device to hold.
    pub device: DeviceChoice,
    /// What to compute in; `None` leaves it to the device.
    pub precision: Option<Precision>,
    /// What the process may take.
    pub limits: ChildLimits,
    /// Yields any 64-bit number; asked when a seed is -1.
    pub draw_seed: &'a mut dyn FnMut() -> u64,
    /// Local time, `YYYYMMDDhhmmss`.
    pub timestamp: &'a dyn Fn() -> String,
}

impl std::fmt::Debug for ChildSettings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChildSettings")
            .field("device", &self.device)
            .field("precision", &self.precision)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Serves assignments until it is told to end or standard input closes.
///
/// # Errors
/// When the limits are refused, or the supervisor does not read any more.
pub fn run(settings: ChildSettings<'_>) -> io::Result<()> {
    let ChildSettings { device, precision, limits, draw_seed, timestamp } = settings;
    // Before anything of a stranger is read.
    limits.apply()?;
    let compute = match Compute::open(device, precision) {
        Ok(compute) => compute,
        Err(error) => return say(&ChildMessage::Unable(of_device(&error))),
    };
    say(&ChildMessage::Ready { device: engine::device_name(compute.device) })?;
    let commands = Commands::listen()?;
    let began = Instant::now();
    let mut warm = Warm::default();
    while let Ok(assignment) = commands.assignments.recv() {
        let mut occasion = Occasion {
            // A supervisor that does not read has died; the thread that listens ends this process.
            observer: &mut |event| drop(say(&ChildMessage::Event(event))),
            draw_seed: &mut *draw_seed,
            clock: &|| began.elapsed(),
            job_timestamp: timestamp(),
            stop: &|| commands.leave.told(),
        };
        say(&answer(&assignment, compute, &mut occasion, &mut warm))?;
    }
    Ok(())
}

/// What the supervisor wants. It is heard on a thread of its own, so that it is heard during a job, too.
struct Commands {
    assignments: Receiver<Box<Assignment>>,
    leave: Arc<LeaveWord>,
}

/// How the running job is to be left, once it is.
#[derive(Debug, Default)]
struct LeaveWord(Mutex<Option<Leave>>);

impl LeaveWord {
    fn told(&self) -> Option<Leave> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, leave: Option<Leave>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = leave;
    }
}

impl Commands {
    fn listen() -> io::Result<Self> {
        let (sender, assignments) = mpsc::channel();
        let leave = Arc::new(LeaveWord::default());
        let flag = Arc::clone(&leave);
        thread::Builder::new().name("supervisor".into()).spawn(move || {
            hear(sender, &flag);
            end_at_once();
        })?;
        Ok(Self { assignments, leave })
    }
}

/// Ends this process whatever its other threads are doing. `exit` would run the destructors of libraries that are at work.
fn end_at_once() -> ! {
    let _never_returns = kill_process(getpid(), Signal::KILL);
    std::process::exit(1)
}

/// Returns when standard input closes.
fn hear(assignments: Sender<Box<Assignment>>, leave: &LeaveWord) {
    let mut assignments = Some(assignments);
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(SupervisorMessage::Run(assignment)) => {
                // A word that came too late for the last job does not concern this one.
                leave.tell(None);
                let _nobody_listens_after_the_end = assignments.as_ref().map(|sender| sender.send(assignment));
            }
            Ok(SupervisorMessage::FinishSoon) => leave.tell(Some(Leave::Keep)),
            Ok(SupervisorMessage::Cancel) => leave.tell(Some(Leave::Drop)),
            Ok(SupervisorMessage::End) => {
                leave.tell(Some(Leave::Drop));
                assignments = None;
            }
            Err(_) => {}
        }
    }
}

/// Does the job. A panic of the tensor engine is the attempt's end: it is let through, the process dies, and the supervisor
/// counts a lost attempt. Only a lack of memory is answered, because the owner can do something about it.
fn answer(assignment: &Assignment, compute: Compute, occasion: &mut Occasion<'_>, warm: &mut Warm) -> ChildMessage {
    let mut announce = |file| drop(say(&ChildMessage::File(file)));
    let done = catch_unwind(AssertUnwindSafe(|| execute(assignment, compute, occasion, warm, &mut announce)));
    let failure = match done {
        Ok(Ok(output)) => return ChildMessage::Done(output),
        Ok(Err(error)) if error.is_stopped() => return ChildMessage::Stopped,
        Ok(Err(error)) => error.into(),
        Err(panic) if is_lack_of_memory(panic.as_ref()) => out_of_memory(),
        Err(panic) => std::panic::resume_unwind(panic),
    };
    // Whatever it was, the next job shall not inherit its memory.
    warm.cool();
    engine::memory::release_unused(compute.device);
    ChildMessage::Failed(failure)
}

/// Writes one message and flushes it.
fn say(message: &ChildMessage) -> io::Result<()> {
    let mut line = serde_json::to_string(message)?;
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}
