//! `factum events`.

mod decode;
mod filter;
mod flags;
mod judge;
mod read;
mod shown;
mod summary;
mod terminal;
mod unknown;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use flags::{Flags, From};

pub(crate) use decode::DecoderError;
pub(crate) use read::ReadError;

const AFTER_HELP: &str = "\
Each event is decoded with the schema that its frame names: from the .avsc files of a folder (--schemas), from a schema
registry (--registry), or from both. What the registry said is kept in a folder for ever.

Shown are the events that the reader rule accepts, in the order of each partition. Which these are follows from the
claims before them: a partition is read from its first record on, also where --from is later; what comes before
that is only judged, not decoded. With --void, records that the rule does not accept are shown, too, each with the
reason: events of a writer that was fenced off, doubles, parts of commits that were never finished.

What cannot be decoded is told on standard error (topic, partition, offset, and why), and shown without data. With --strict
the first one ends the command.
A --type or a field of --where that no schema has is told on standard error. With --strict it ends the command with exit
code 2, before anything is read; beside a registry, which may have more schemas, it is told only.

Ctrl-C (SIGINT) and SIGTERM end the command after whole lines. A dump that was not at its end then says so, and ends with
exit code 130 or 143; a tail, which has no end, with 0. A second signal ends it at once, also where nobody reads what it
writes, and maybe within a line. A pipe that is closed ends it quietly, with exit code 0.

--from takes beginning, end, an offset, or a moment in ISO 8601. An offset needs --partition. A moment is held against the
time at which an event was decided.
--type takes the event's name, with or without its namespace. --where compares a field of the data with a text,
as it is shown; dots lead into records, and several must all hold.

Examples:
  factum events dump bank.loan.events --log kafka://localhost:9092 --schemas schemas --json > events.jsonl
  factum events dump bank.loan.events --log local:data --type Submitted --where amount=20000
  factum events tail bank.loan.events --log kafka://localhost:9092 --registry http://localhost:8081
  factum events dump bank.loan.events --log kafka://localhost:9092 --from 2026-10-01T12:00:00Z --limit 10
  factum events dump bank.loan.events --log kafka://localhost:9092 --partition 3 --from 120000 --void --claims";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All events of a topic, to where its end is now
    Dump(Dump),
    /// The events of a topic as they come; ends with Ctrl-C
    Tail(Tail),
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Dump {
    /// Where to begin: beginning, end, an offset or a moment
    #[arg(long, value_name = "PLACE", default_value = "beginning")]
    from: From,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Tail {
    /// Where to begin: beginning, end, an offset or a moment
    #[arg(long, value_name = "PLACE", default_value = "end")]
    from: From,
    #[command(flatten)]
    flags: Flags,
}

impl Command {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Dump(Dump { from, flags }) => read::run(flags, from, false).await,
            Self::Tail(Tail { from, flags }) => read::run(flags, from, true).await,
        }
    }
}
