//! Watching a rebuild, until readers see the version.

use std::time::{Duration, Instant};

use factum_projector::{ListedProjection, Operations, VersionState};
use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;

const LOOK: &str = "{bar:30} {percent:>3}%  {human_pos} of {human_len} events, {msg}";
/// How often Postgres is asked.
const EVERY: Duration = Duration::from_millis(500);
/// How often it is told how far the version is, where there is no terminal.
const LINES: Duration = Duration::from_secs(2);

/// A version on its way.
pub(super) struct Watch<'a> {
    operations: &'a Operations,
    name: &'a str,
    version: u32,
    bar: ProgressBar,
    /// When it was first seen, and how many events it had applied.
    first: Option<(Instant, u64)>,
    line: Option<Instant>,
    /// Why it waits, as it was last told.
    told: Option<String>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(operations: &'a Operations, name: &'a str, version: u32) -> Self {
        let style = ProgressStyle::with_template(LOOK).expect("the look is a sound template");
        Self {
            operations,
            name,
            version,
            bar: ProgressBar::new(0).with_style(style),
            first: None,
            line: None,
            told: None,
        }
    }

    /// Shows how far it is until it is live; one that is not known yet is waited for.
    ///
    /// # Errors
    /// It was cancelled or dropped, or readers were led away from it again; or Postgres fails.
    pub(super) async fn until_live(mut self) -> Result<ListedProjection, Failure> {
        loop {
            let all = self.operations.list().await?;
            let of = || all.iter().filter(|it| it.projection == self.name);
            let mine = of().find(|it| it.version == self.version);
            match (mine, mine.and_then(|it| it.state)) {
                (Some(mine), Some(VersionState::Live)) => {
                    self.bar.finish_and_clear();
                    return Ok(mine.clone());
                }
                (_, Some(VersionState::Cancelled)) => return Err(self.over("it was cancelled")),
                (_, Some(VersionState::Retired)) => {
                    return Err(self.over("it was live, and readers were led away from it again"));
                }
                (None, _) if self.first.is_some() => {
                    return Err(self.over("it was cancelled or dropped"));
                }
                (None, _) => {}
                (Some(mine), _) => {
                    let most = of().map(|it| it.events).max().unwrap_or_default();
                    self.show(mine.events, most).await?;
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn show(&mut self, events: u64, most: u64) -> Result<(), Failure> {
        let (began, before) = *self.first.get_or_insert((Instant::now(), events));
        let pace = pace(events - before.min(events), most - events, began.elapsed());
        self.bar.set_length(most);
        self.bar.set_message(pace.clone());
        self.bar.set_position(events);
        let due = self.line.is_none_or(|line| line.elapsed() >= LINES);
        if self.bar.is_hidden() && due {
            self.line = Some(Instant::now());
            eprintln!("{events} of {most} events, {pace}");
        }
        self.tell().await
    }

    /// Says why it waits, if that is news.
    async fn tell(&mut self) -> Result<(), Failure> {
        let status = self.operations.status().await?;
        let mut mine = status
            .into_iter()
            .filter(|it| (it.projection.as_str(), it.version) == (self.name, self.version));
        let error = mine.find_map(|it| it.error);
        if error != self.told {
            if let Some(error) = &error {
                self.bar.suspend(|| eprintln!("{error}"));
            }
            self.told = error;
        }
        Ok(())
    }

    fn over(&self, known: &str) -> Failure {
        Failure::NoVersion {
            name: self.name.to_owned(),
            wanted: format!("version {} on its way to readers", self.version),
            known: known.into(),
        }
    }
}

/// How fast a version is that has applied so many events in this time, and how long it takes to apply what is left.
fn pace(done: u64, left: u64, took: Duration) -> String {
    let per_second = (done as f64 / took.as_secs_f64().max(0.001)) as u64;
    match left.checked_div(per_second) {
        Some(seconds) => format!("{per_second} a second, {seconds} s to go"),
        None => "its rate is not known yet".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_is_done_says() {
        let second = Duration::from_secs(1);
        assert_eq!(pace(500, 2000, 2 * second), "250 a second, 8 s to go");
        assert_eq!(pace(0, 2000, second), "its rate is not known yet");
    }
}
