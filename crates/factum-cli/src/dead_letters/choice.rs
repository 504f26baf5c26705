//! Which letters a command is about.

use clap::Args;
use factum_core::ConsistencyToken;
use factum_projector::{LetterFilter, Operations};

use crate::connection::Postgres;
use crate::failure::Failure;

/// A projection that has letters, and where it is.
#[derive(Debug, Args)]
pub(super) struct Parked {
    /// The projection's name
    #[arg(long, value_name = "NAME")]
    pub projection: String,
    /// The version [default: the only one with letters]
    #[arg(long, value_name = "N")]
    pub version: Option<u32>,
    /// Only letters of this topic, where the projection reads several
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    #[command(flatten)]
    pub postgres: Postgres,
}

/// Letters of a projection: one of the four must be said.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Letters {
    /// All letters of this key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// All letters of the aggregate with this id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// One letter
    #[arg(long, value_name = "PARTITION:SEQUENCE")]
    letter: Option<ConsistencyToken>,
    /// All letters of the version
    #[arg(long, conflicts_with_all = ["key", "id", "letter"])]
    all: bool,
}

impl Parked {
    /// Connects, and finds the version: the one that was asked for, else the only one that has letters.
    pub(super) async fn find(&self) -> Result<(Operations, u32), Failure> {
        let operations = self.postgres.operations().await?;
        let versions = operations.parked_versions(&self.projection).await?;
        let version = choose(&self.projection, self.version, &versions)?;
        Ok((operations, version))
    }

    /// A filter for a place, or for an aggregate: of one topic, as those of another topic are others.
    ///
    /// # Errors
    /// Several topics have such letters, and it was not said which is meant.
    pub(super) async fn of_one_topic(
        &self,
        operations: &Operations,
        mut filter: LetterFilter,
    ) -> Result<LetterFilter, Failure> {
        let mut topics = operations.parked_topics(&filter).await?;
        if topics.len() > 1 {
            let projection = self.projection.clone();
            let topics = topics.join(", ");
            return Err(Failure::SeveralTopics { projection, topics });
        }
        filter.topic = topics.pop().or(filter.topic);
        Ok(filter)
    }

    /// The failure where no letter is meant.
    pub(super) fn nothing_fits(&self, version: u32) -> Failure {
        Failure::NothingFits {
            name: self.projection.clone(),
            version,
        }
    }
}

fn choose(name: &str, asked: Option<u32>, versions: &[u32]) -> Result<u32, Failure> {
    let wanted = asked.map_or_else(
        || "dead letters".to_owned(),
        |version| format!("dead letters of version {version}"),
    );
    let failed = |known: String| Failure::NoVersion {
        name: name.to_owned(),
        wanted,
        known,
    };
    let listed = || versions.iter().map(u32::to_string).collect::<Vec<_>>();
    match (asked, versions) {
        (_, []) => Err(failed(
            "nothing of it is parked. `factum dead-letters list` shows what is".into(),
        )),
        (Some(asked), versions) if versions.contains(&asked) => Ok(asked),
        (Some(_), _) => Err(failed(format!(
            "versions {} have some",
            listed().join(", ")
        ))),
        (None, [version]) => Ok(*version),
        (None, _) => Err(Failure::Ambiguous {
            name: name.to_owned(),
            versions: listed().join(", "),
        }),
    }
}

impl Letters {
    /// The filter that holds for these letters of a version. A key is one row's, whatever topics its letters are of; a
    /// place and an id are of one.
    ///
    /// # Errors
    /// Several topics have such a place or id, and it was not said which is meant.
    pub(super) async fn filter(
        &self,
        of: &Parked,
        (operations, version): (&Operations, u32),
    ) -> Result<LetterFilter, Failure> {
        let filter = LetterFilter {
            topic: of.topic.clone(),
            key: self.key.clone(),
            id: self.id.clone(),
            letter: self.letter.map(|it| (it.partition, it.sequence)),
            ..LetterFilter::of(&of.projection, version)
        };
        match self.letter.is_some() || self.id.is_some() {
            true => of.of_one_topic(operations, filter).await,
            false => Ok(filter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn the_version_need_not_be_said_where_only_one_has_letters() {
        assert_eq!(choose("board", None, &[2]).ok(), Some(2));
        assert_eq!(choose("board", Some(2), &[1, 2]).ok(), Some(2));
        let said =
            |asked, versions: &[u32]| choose("board", asked, versions).unwrap_err().to_string();
        assert!(said(None, &[1, 2]).contains("1, 2"));
        assert!(said(Some(3), &[1, 2]).contains("versions 1, 2 have some"));
        assert!(said(None, &[]).contains("nothing of it is parked"));
    }
}
