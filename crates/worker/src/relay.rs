//! What the child says while it works: progress goes to the reporter, finished files to the artifact store, and nothing of
//! that keeps the child waiting.

use std::time::{Duration, Instant};

use protocol::{ChildMessage, Failure, FailureCode, JobEvent, JobOutput, SupervisorMessage};

use crate::attempt::Cut;
use crate::child_process::ChildProcess;
use crate::interruption::{Interruption, Interruptions};
use crate::reporter::Reporter;
use crate::supervisor::Timing;
use crate::throttle::Throttle;
use crate::uploads::Uploads;

/// Where the child's words go.
#[derive(Debug)]
pub(crate) struct Relay<'a> {
    reporter: &'a Reporter,
    uploads: &'a mut Uploads,
    throttle: Throttle,
}

/// What a child ends its job with.
enum Answer {
    Done(JobOutput<String>),
    Failed(Failure),
    Stopped,
}

impl<'a> Relay<'a> {
    pub(crate) fn new(reporter: &'a Reporter, uploads: &'a mut Uploads) -> Self {
        Self { reporter, uploads, throttle: Throttle::default() }
    }

    /// Listens to a child that has an assignment until it answers; an interruption is passed on to it, and then it has
    /// the time to answer that `timing` gives it. A child that has answered is in order, whatever it answered, and comes back; any other is gone
    /// afterwards.
    pub(crate) async fn until_answered(
        mut self,
        mut child: ChildProcess,
        interruptions: &mut Interruptions,
        timing: Timing,
    ) -> (Option<ChildProcess>, Result<JobOutput<String>, Cut>) {
        let heard = tokio::select! {
            answer = self.answer(&mut child) => Ok(answer),
            interruption = interruptions.next(Duration::ZERO) => Err(interruption),
        };
        match heard {
            Ok(Err(death)) => (None, Err(death.into())),
            Ok(Ok(Answer::Done(output))) => (Some(child), Ok(output)),
            // One that was out of memory once has its address space in pieces; a fresh one does the next job.
            Ok(Ok(Answer::Failed(failure))) if failure.code == FailureCode::OutOfMemory => {
                child.end(timing.grace).await;
                (None, Err(failure.into()))
            }
            Ok(Ok(Answer::Failed(failure))) => (Some(child), Err(failure.into())),
            Ok(Ok(Answer::Stopped)) => {
                let failure = Failure::new(FailureCode::Internal, "the process that ran the job left it unasked");
                (Some(child), Err(failure.into()))
            }
            Err(interruption) => self.leave(child, interruption, timing).await,
        }
    }

    async fn leave(
        &mut self,
        mut child: ChildProcess,
        interruption: Interruption,
        timing: Timing,
    ) -> (Option<ChildProcess>, Result<JobOutput<String>, Cut>) {
        let (command, time) = match interruption {
            Interruption::Stopped => (SupervisorMessage::FinishSoon, timing.checkpoint),
            Interruption::LeaseLost(_) | Interruption::TimedOut => (SupervisorMessage::Cancel, timing.grace),
        };
        let answer = async {
            child.tell(&command).await.ok()?;
            self.answer(&mut child).await.ok()
        };
        match tokio::time::timeout(time, answer).await {
            // Finished just in time.
            Ok(Some(Answer::Done(output))) if interruption == Interruption::Stopped => (Some(child), Ok(output)),
            Ok(Some(_)) => (Some(child), Err(Cut::Interrupted(interruption))),
            Ok(None) | Err(_) => {
                child.kill().await;
                (None, Err(Cut::Interrupted(interruption)))
            }
        }
    }

    /// Passes on what the child says until it answers. May be dropped and called again.
    async fn answer(&mut self, child: &mut ChildProcess) -> Result<Answer, Failure> {
        loop {
            match child.next().await? {
                ChildMessage::Event(event) => self.pass_on(event),
                ChildMessage::File(made) => self.uploads.begin(made, self.reporter.sender()),
                ChildMessage::Done(output) => return Ok(Answer::Done(output)),
                ChildMessage::Failed(failure) => return Ok(Answer::Failed(failure)),
                ChildMessage::Stopped => return Ok(Answer::Stopped),
                ChildMessage::Ready { .. } | ChildMessage::Unable(_) => {}
            }
        }
    }

    fn pass_on(&mut self, event: JobEvent) {
        let is_the_childs = match event {
            JobEvent::Stage { .. }
            | JobEvent::Step { .. }
            | JobEvent::Warning { .. }
            | JobEvent::Note { .. }
            | JobEvent::Validation { .. } => true,
            // Of files and attempts the supervisor alone can tell.
            JobEvent::File { .. } | JobEvent::AttemptLost { .. } => false,
        };
        if is_the_childs && self.throttle.admits(&event, Instant::now()) {
            self.reporter.tell(event);
        }
    }
}
