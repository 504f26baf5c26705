//! Whether a server is ready, busy or dead.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Error, Result, anyhow};

use super::Say;
use super::instance::{Instance, State};

/// A loaded machine may take its time; a server that dies is noticed at once.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// A server at work may miss a few questions, and others would lose it by a hasty judgement.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// Why a server gave no answer.
#[derive(Debug)]
enum Silence {
    Dead,
    /// It may live; with what its last question led to.
    Mute(Error),
}

impl Instance {
    /// Waits until the server answers.
    ///
    /// # Errors
    /// When it dies first or takes too long, with the end of its log.
    pub(crate) fn wait_ready(&self) -> Result<()> {
        let name = self.server.name();
        self.answer_within(READY_WITHIN).map_err(|it| match it {
            Silence::Dead => anyhow!("{name} ended while it started; {}", self.log_tail()),
            Silence::Mute(cause) => cause.context(format!(
                "{name} is not ready after {} s; {}",
                READY_WITHIN.as_secs(),
                self.log_tail()
            )),
        })
    }

    /// Whether it runs and answers. One that lives is given time before it is given up.
    pub(crate) fn serves(&self, say: Say<'_>) -> bool {
        if self.state == State::Stopped {
            return false;
        }
        let (name, seconds) = (self.server.name(), ANSWERS_WITHIN.as_secs());
        if self.server.ask(&self.address()).is_err() && self.runs() {
            say(&format!(
                "{name}: lives, but is busy; waiting up to {seconds} s …"
            ));
        }
        match self.answer_within(ANSWERS_WITHIN) {
            Ok(()) => return true,
            Err(Silence::Dead) => say(&format!("{name}: has died since it was started")),
            Err(Silence::Mute(cause)) => say(&format!("{name}: still does not answer: {cause:#}")),
        }
        false
    }

    /// Whether it is still there, be it busy.
    pub(crate) fn runs(&self) -> bool {
        self.state != State::Stopped && !self.is_dead()
    }

    /// Whether it was launched and is gone. A container is believed dead when it neither runs for
    /// Docker nor answers: Docker itself may be slow to speak.
    pub(crate) fn is_dead(&self) -> bool {
        match &self.state {
            State::Process(process) => !process.is_alive(),
            State::Container => {
                !self.service().is_running() && self.server.ask(&self.address()).is_err()
            }
            State::Stopped => false,
        }
    }

    /// What became of a dead one.
    pub(crate) fn obituary(&self) -> String {
        format!("{} has died; {}", self.server.name(), self.log_tail())
    }

    fn answer_within(&self, patience: Duration) -> Result<(), Silence> {
        let ask = || self.server.ask(&self.address());
        wait(patience, ask, || self.is_dead())
    }

    fn log_tail(&self) -> String {
        if self.state == State::Container {
            return format!("the end of its log:\n{}", self.service().log_tail());
        }
        let log = self.log();
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n");
        format!("the end of {}:\n{tail}", log.display())
    }
}

/// Asks again and again, as long as the server lives and patience lasts.
fn wait(
    patience: Duration,
    mut ask: impl FnMut() -> Result<()>,
    mut is_dead: impl FnMut() -> bool,
) -> Result<(), Silence> {
    let deadline = Instant::now() + patience;
    while let Err(cause) = ask() {
        if is_dead() {
            return Err(Silence::Dead);
        }
        if Instant::now() > deadline {
            return Err(Silence::Mute(cause));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers from the given question on.
    fn busy_until(mut question: u32) -> impl FnMut() -> Result<()> {
        move || {
            question -= 1;
            anyhow::ensure!(question == 0, "too busy");
            Ok(())
        }
    }

    #[test]
    fn a_busy_server_that_misses_questions_is_not_given_up() {
        wait(READY_WITHIN, busy_until(4), || false).unwrap();
    }

    #[test]
    fn a_dead_one_is_given_up_at_once() {
        let silence = wait(READY_WITHIN, busy_until(2), || true).unwrap_err();
        assert!(matches!(silence, Silence::Dead));
    }

    #[test]
    fn a_live_one_that_never_answers_is_given_up_with_the_cause() {
        let silence = wait(Duration::ZERO, busy_until(99), || false).unwrap_err();
        assert!(matches!(silence, Silence::Mute(cause) if cause.to_string() == "too busy"));
    }
}
