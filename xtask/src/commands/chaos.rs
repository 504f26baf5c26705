//! `cargo xtask chaos`.

use anyhow::{Context, Result, bail};

use super::{cargo, say};

/// Breaks a real Kafka, a real Postgres and everything between them under load, and judges the log.
///
/// Starts brokers, a database, three service nodes and two projection workers of its own; lets clients
/// send commands; and strikes: SIGKILL and SIGSTOP of nodes, workers, brokers and Postgres, connections
/// that break, freeze, lose answers or are slow, rolling restarts, members that join and leave. After
/// each fault it waits until every partition acknowledges again and the read model follows. In the end
/// a checker that shares no code with Factum reads the topic raw and holds it against what every
/// client was told. What that shows, and what it does not: docs/proof.md.
///
/// With --soak MINUTES it looks for growth instead: it measures for 20 s how many commands a second the
/// clients reach without pauses, lets them keep to half of that, and strikes once a minute. Every 2 s it
/// reads the memory (RSS), open file handles and threads of each program and of the load from /proc. A
/// program that is killed is another process afterwards: so one node and one worker take all kills and
/// restarts, and the others live through the soak. The first third is there to get warm: the accounts are
/// always the same 48, nodes remember 8192 commands of each partition, and programs have one malloc
/// arena, as glibc gives little of the others back. The median of the last third
/// may lie above that of the second by 10 % or 4 MiB of memory, 3 file handles, and 2 threads.
///
/// Exit codes: 0 all promises held, 1 one was broken, 2 the run itself failed. After 1 and 2 the
/// servers' data, the clients' history and all logs are kept, and the last lines say where.
///
/// It needs Kafka and Postgres on this machine, or Maven with Java 17 to fetch them: servers in Docker
/// cannot be reached through the proxies that break connections.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask chaos                              30 faults on one broker: every kind at least once
  cargo xtask chaos --faults 300 --brokers 3     an hour or so
  cargo xtask chaos --soak 30                    half an hour at half load, a fault a minute; does
                                                 memory grow, or file handles, or threads?
  cargo xtask chaos --seed 7                     the same faults and commands again; the moments at
                                                 which they meet can not be repeated
  cargo xtask chaos --json                       ends with one line:
      {\"faults\",\"acknowledged\",\"violations\",\"by_fault\",\"seconds\"}; by_fault holds, for each kind
      of fault, how often it struck, the longest time that a partition acknowledged nothing, and
      how long it took to recover once the fault was mended: median and maximum, in seconds;
      of a soak also \"soak\": what each process that lived long enough held before and after
  cargo run -p factum-chaos -- plan --seed 7     which faults a seed draws
  cargo run -p factum-chaos -- judge DIR         judge once more what a run left behind")]
pub(crate) struct Arguments {
    /// How many faults strike
    #[arg(long, value_name = "N", default_value_t = 30)]
    faults: u32,
    /// Soak for so many minutes, 3 or more: half the load, a fault a minute, and no program may grow
    #[arg(long, value_name = "MINUTES", conflicts_with = "faults", value_parser = clap::value_parser!(u32).range(3..))]
    soak: Option<u32>,
    /// What faults and commands are drawn from; random if it is not given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// How many brokers: 1, or 3 with three copies of everything
    #[arg(long, value_name = "N", default_value = "1", value_parser = ["1", "3"])]
    brokers: String,
    /// End with one line of JSON
    #[arg(long)]
    json: bool,
    /// Keep history, topic, rows and logs of a good run too
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    say("building the programs under test …");
    let built = cargo()
        .args(["build", "--quiet", "--package", "factum-chaos"])
        .status();
    if !built.context("cannot run cargo")?.success() {
        bail!("factum-chaos does not build");
    }
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", "factum-chaos", "--", "run"]);
    command.args(arguments.flags());
    match command.status().context("cannot run cargo")?.code() {
        Some(0) => Ok(()),
        code => std::process::exit(code.unwrap_or(2)),
    }
}

impl Arguments {
    fn flags(&self) -> Vec<String> {
        let (mode, length) = match self.soak {
            Some(minutes) => ("--soak", minutes),
            None => ("--faults", self.faults),
        };
        let mut flags = vec![
            mode.to_owned(),
            length.to_string(),
            "--brokers".to_owned(),
            self.brokers.clone(),
        ];
        let seed = self
            .seed
            .map(|seed| ["--seed".to_owned(), seed.to_string()]);
        flags.extend(seed.into_iter().flatten());
        flags.extend(self.json.then(|| "--json".to_owned()));
        flags.extend(self.keep.then(|| "--keep".to_owned()));
        flags
    }
}
