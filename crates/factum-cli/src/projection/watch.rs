//! Watching a rebuild, until readers see the version.

use std::time::{Duration, Instant};

use factum_projector::{ListedProjection, Operations, PartitionProgress, VersionState};
use indicatif::{ProgressBar, ProgressStyle};

use super::goal::goal;
use super::version::Version;
use crate::failure::Failure;

const LOOK: &str = "{bar:30} {percent:>3}%  {human_pos} of {human_len} events, {msg}";
/// How often Postgres is asked.
const EVERY: Duration = Duration::from_millis(500);
/// How often it is told how far the version is, where there is no terminal.
const LINES: Duration = Duration::from_secs(2);

/// How long a version may be without a worker before that is told: one that is started anew takes a moment.
const PATIENCE: Duration = Duration::from_secs(3);

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
    /// Since when no worker of it was seen, and whether that was told.
    alone: Option<(Instant, bool)>,
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
            alone: None,
        }
    }

    /// Shows how far it is until it is live; one that is not known yet is waited for.
    ///
    /// # Errors
    /// It was cancelled or dropped, or readers were led away from it again; or Postgres fails.
    pub(super) async fn until_live(mut self) -> Result<Version, Failure> {
        loop {
            let mut listed = self.operations.list().await?;
            listed.retain(|it| it.projection == self.name);
            let mut versions = Version::of(&listed).into_iter();
            let mine = versions.find(|it| it.version == self.version);
            self.look_for_worker(mine.as_ref());
            match (mine.as_ref().and_then(|it| it.state), mine) {
                (Some(VersionState::Live), Some(mine)) => {
                    self.bar.finish_and_clear();
                    return Ok(mine);
                }
                (Some(VersionState::Cancelled), _) => return Err(self.over("it was cancelled")),
                (Some(VersionState::Retired), _) => {
                    return Err(self.over("it was live, and readers were led away from it again"));
                }
                (_, None) if self.first.is_some() => {
                    return Err(self.over("it was cancelled or dropped"));
                }
                (_, None) => {}
                (_, Some(mine)) => self.look(&mine, &listed).await?,
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Shows how far it is, and why it waits.
    async fn look(&mut self, mine: &Version, listed: &[ListedProjection]) -> Result<(), Failure> {
        let status = self.operations.status().await?;
        self.show(mine.events, goal(listed, &status, self.version));
        self.tell(status);
        Ok(())
    }

    /// Says that nobody builds the version, once no worker of it was seen for a while.
    fn look_for_worker(&mut self, mine: Option<&Version>) {
        if mine.is_some_and(|it| it.sessions > 0) {
            self.alone = None;
            return;
        }
        let (since, told) = self.alone.get_or_insert((Instant::now(), false));
        if !*told && since.elapsed() >= PATIENCE {
            *told = true;
            let (name, version) = (self.name, self.version);
            let line = format!(
                "no worker of {name} version {version} is to be seen: if none runs, start one, and it goes on"
            );
            self.bar.suspend(|| eprintln!("{line}"));
        }
    }

    fn show(&mut self, events: u64, most: u64) {
        let (began, before) = *self.first.get_or_insert((Instant::now(), events));
        let left = most.saturating_sub(events);
        let pace = pace(events - before.min(events), left, began.elapsed());
        self.bar.set_length(most);
        self.bar.set_message(pace.clone());
        self.bar.set_position(events);
        let due = self.line.is_none_or(|line| line.elapsed() >= LINES);
        if self.bar.is_hidden() && due {
            self.line = Some(Instant::now());
            eprintln!("{events} of {most} events, {pace}");
        }
    }

    /// Says why it waits, if that is news.
    fn tell(&mut self, status: Vec<PartitionProgress>) {
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
