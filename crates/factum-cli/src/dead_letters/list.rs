//! `factum dead-letters list`.

use clap::Args;
use factum_projector::{
    DeadLetter, DeadLettersError, LetterFilter, Operations, ParkedKey, ProjectorError,
};

use crate::connection::Postgres;
use crate::failure::Failure;
use crate::output::{self, Cell, Table};

const AFTER_HELP: &str = "\
A row for each key that is parked in a partition, with how many letters it has, its first one, and the first error; a key
without text is a whole aggregate. With --all, a row for each letter; one without an error waits behind another.

Examples:
  factum dead-letters list
  factum dead-letters list --projection board --key 173688 --all
  factum dead-letters list --json | jq -r .error | sort | uniq -c";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// Only those of this projection
    #[arg(long, value_name = "NAME")]
    projection: Option<String>,
    /// Only those of this version
    #[arg(long, value_name = "N", requires = "projection")]
    version: Option<u32>,
    /// Only those of this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Only those of this key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only those of the aggregate with this id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// A row for each letter
    #[arg(long)]
    all: bool,
    /// At most so many rows
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    postgres: Postgres,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let filter = LetterFilter {
            projection: self.projection.clone(),
            version: self.version,
            topic: self.topic.clone(),
            key: self.key.clone(),
            id: self.id.clone(),
            letter: None,
        };
        let operations = self.postgres.operations().await?;
        let shown = match self.all {
            true => self.letters(&operations, &filter).await,
            false => self.keys(&operations, &filter).await,
        };
        match shown {
            Err(Failure::Projector(ProjectorError::DeadLetters(
                why @ DeadLettersError::NeverParked { .. },
            ))) => {
                eprintln!("factum: {why}");
                Ok(())
            }
            shown => shown,
        }
    }

    async fn keys(&self, operations: &Operations, filter: &LetterFilter) -> Result<(), Failure> {
        let keys = operations.parked_keys(filter, self.limit).await?;
        self.tell_of_rows(keys.len());
        Ok(output::list(&keys, self.postgres.json, keys_table)?)
    }

    async fn letters(&self, operations: &Operations, filter: &LetterFilter) -> Result<(), Failure> {
        let letters = operations.dead_letters(filter, self.limit).await?;
        self.tell_of_rows(letters.len());
        Ok(output::list(&letters, self.postgres.json, letters_table)?)
    }

    fn tell_of_rows(&self, rows: usize) {
        if rows == 0 {
            let schema = &self.postgres.schema;
            eprintln!("factum: no such letters in the schema {schema}: --schema names another");
        }
        if rows == self.limit as usize {
            eprintln!("factum: there may be more than {rows}: --limit shows more");
        }
    }
}

/// The first line of an error, for a table.
fn line(error: Option<&String>) -> Cell {
    let line = error.and_then(|it| it.lines().next());
    Cell::text(line.unwrap_or("-"))
}

fn keys_table(keys: &[ParkedKey]) -> Table {
    let mut table = Table::new([
        "projection",
        "version",
        "key",
        "aggregate",
        "topic",
        "first",
        "letters",
        "asked",
        "parked",
        "error",
    ]);
    for it in keys {
        table.row([
            Cell::text(&it.projection),
            Cell::number(it.version),
            Cell::text(it.key.as_deref().unwrap_or("-")),
            Cell::text(&it.aggregate),
            Cell::text(&it.topic),
            Cell::text(format!("{}:{}", it.partition, it.first)),
            Cell::number(it.letters),
            Cell::number(it.asked),
            Cell::text(&it.parked_at),
            line(it.error.as_ref()),
        ]);
    }
    table
}

fn letters_table(letters: &[DeadLetter]) -> Table {
    let mut table = Table::new([
        "projection",
        "version",
        "topic",
        "letter",
        "aggregate",
        "event",
        "keys",
        "attempts",
        "asked",
        "parked",
        "error",
    ]);
    for it in letters {
        table.row([
            Cell::text(&it.projection),
            Cell::number(it.version),
            Cell::text(&it.topic),
            Cell::text(format!("{}:{}", it.partition, it.sequence)),
            Cell::text(&it.aggregate),
            Cell::text(it.event.as_deref().unwrap_or("-")),
            Cell::text(it.keys.join(" ")),
            Cell::number(it.attempts),
            Cell::text(it.replay_asked_at.as_deref().map_or("-", |_| "yes")),
            Cell::text(&it.parked_at),
            line(it.error.as_ref()),
        ]);
    }
    table
}
