//! The soak: half of the load that the clients can reach, for a long time, with a fault a minute.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Run, write};
use crate::load::{Clients, Pace};
use crate::plan;
use crate::report::Soaked;
use crate::soak::{Lives, Usage, Watch, judge};

const MINUTE: Duration = Duration::from_secs(60);
/// Before the rate is measured that the clients reach.
const WARM_UP: Duration = Duration::from_secs(10);
/// For which it is measured.
const MEASURED: Duration = Duration::from_secs(20);
/// The share of it that they keep to.
const LOAD: f64 = 0.5;

impl Run {
    /// So many minutes, each with a fault in its middle; then the judgement of what has grown.
    pub(super) async fn soak(
        &mut self,
        clients: &Clients,
        seed: u64,
        minutes: u32,
        dir: &Path,
    ) -> Result<()> {
        ensure!(
            Usage::of(std::process::id()).is_some(),
            "the soak needs Linux: it reads /proc"
        );
        let reached = self.calibrate(clients).await;
        clients.go(Pace::of(clients.count(), reached * LOAD));
        eprintln!(
            "{reached:.0} commands a second without pauses; now half of that, for {minutes} min"
        );
        let (watch, done) = (Watch::start(&self.world), clients.done());
        for (minute, fault) in (0..).zip(plan::spare(seed, minutes as usize)) {
            self.idle_until(&watch, MINUTE * minute + MINUTE / 2).await;
            self.step(&vec![fault]).await?;
            if self.stalled() {
                break;
            }
        }
        if !self.stalled() {
            self.idle_until(&watch, MINUTE * minutes).await;
        }
        let span = watch.elapsed();
        let rate = (clients.done() - done) as f64 / span.as_secs_f64();
        self.weigh_growth(&watch.stop().await, span, (reached, rate), dir)
    }

    /// How many commands a second the clients reach without pauses.
    async fn calibrate(&self, clients: &Clients) -> f64 {
        clients.go(Pace::Flat);
        tokio::time::sleep(WARM_UP).await;
        let (begin, done) = (Instant::now(), clients.done());
        tokio::time::sleep(MEASURED).await;
        (clients.done() - done) as f64 / begin.elapsed().as_secs_f64()
    }

    /// Waits until the watch has run so long.
    async fn idle_until(&self, watch: &Watch, moment: Duration) {
        let left = moment.saturating_sub(watch.elapsed());
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            () = self.world.tend() => unreachable!("tends for ever"),
        }
    }

    fn weigh_growth(
        &mut self,
        lives: &Lives,
        span: Duration,
        (reached, rate): (f64, f64),
        dir: &Path,
    ) -> Result<()> {
        write(&dir.join("usage.jsonl"), lives.all())?;
        let (balances, violations) = judge(lives.all(), span);
        self.report.violations.extend(violations);
        self.report.soaked = Some(Soaked {
            span,
            reached,
            rate,
            brief: lives.all().len() - balances.len(),
            balances,
        });
        Ok(())
    }
}
