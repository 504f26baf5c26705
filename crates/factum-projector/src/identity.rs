//! Is this the log that the positions speak of?

use std::collections::BTreeMap;

use factum_core::{Header, Offset, Position, ReaderRule};
use futures::future::try_join_all;
use uuid::Uuid;

use crate::ProjectorError;
use crate::error::Difference;
use crate::sources::{Sources, partition_in};

/// Checks that each partition holds what was read from it before: its first claim is by the same
/// claimant, and nothing between its start, the position and its end is gone.
pub(crate) async fn verify(
    sources: &Sources,
    projection: &str,
    positions: &BTreeMap<u32, Position>,
) -> Result<(), ProjectorError> {
    let refuse = |partition: u32, offset, difference| ProjectorError::AnotherLog {
        topic: sources.topic(partition).name().to_owned(),
        partition: partition_in(partition),
        projection: projection.to_owned(),
        offset,
        difference,
    };
    let mut starts = Vec::new();
    for (partition, start, end) in bounds(sources, positions.keys()).await? {
        let position = &positions[&partition];
        if let Some(difference) = out_of_bounds(position, start, end) {
            return Err(refuse(partition, position.offset, difference));
        }
        if position.identity.is_some() {
            starts.push((partition, start));
        }
    }
    for (partition, found) in claimants(sources, &starts, positions).await? {
        let position = &positions[&partition];
        if let Some(difference) = another(position.identity, found) {
            return Err(refuse(partition, position.offset, difference));
        }
    }
    Ok(())
}

async fn bounds(
    sources: &Sources,
    partitions: impl Iterator<Item = &u32>,
) -> Result<Vec<(u32, Offset, Offset)>, ProjectorError> {
    let bounds = partitions.map(|&partition| async move {
        let start = sources.start(partition).await?;
        Ok((partition, start, sources.end(partition).await?))
    });
    try_join_all(bounds).await
}

fn out_of_bounds(position: &Position, start: Offset, end: Offset) -> Option<Difference> {
    if position.offset > end {
        Some(Difference::Short { end })
    } else if position.offset < start {
        Some(Difference::Cut { start })
    } else {
        None
    }
}

fn another(expected: Option<Uuid>, found: Option<Uuid>) -> Option<Difference> {
    match (expected, found) {
        (Some(expected), None) => Some(Difference::NoClaim { expected }),
        (Some(expected), Some(found)) if expected != found => {
            Some(Difference::Claimant { expected, found })
        }
        _ => None,
    }
}

/// The claimant of epoch 1 of each partition, as far as the position reaches.
async fn claimants(
    sources: &Sources,
    starts: &[(u32, Offset)],
    positions: &BTreeMap<u32, Position>,
) -> Result<BTreeMap<u32, Option<Uuid>>, ProjectorError> {
    let mut found = BTreeMap::new();
    if starts.is_empty() {
        return Ok(found);
    }
    let mut rules = BTreeMap::<u32, ReaderRule>::new();
    let mut reader = sources.read(starts).await?;
    while found.len() < starts.len() {
        for fetched in reader.next().await? {
            let rule = rules.entry(fetched.partition).or_default();
            for (_, record) in fetched.iter() {
                // What can't be read here was read before, or will be met again with its offset.
                let header = record.header.and_then(|bytes| Header::decode(bytes).ok());
                if rule.identity().is_none() {
                    let _ = rule.judge(header.as_ref());
                }
            }
            let passed = fetched.next >= positions[&fetched.partition].offset;
            if rule.identity().is_some() || passed {
                found.insert(fetched.partition, rule.identity());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_outside_the_log_is_noticed() {
        let at = |offset| Position {
            offset,
            ..Position::START
        };
        assert_eq!(out_of_bounds(&at(5), 0, 5), None);
        assert_eq!(
            out_of_bounds(&at(6), 0, 5),
            Some(Difference::Short { end: 5 })
        );
        assert_eq!(
            out_of_bounds(&at(1), 2, 5),
            Some(Difference::Cut { start: 2 })
        );
    }

    #[test]
    fn another_first_claimant_is_noticed() {
        let [a, b] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        assert_eq!(another(Some(a), Some(a)), None);
        assert_eq!(another(None, Some(a)), None);
        assert_eq!(
            another(Some(a), Some(b)),
            Some(Difference::Claimant {
                expected: a,
                found: b
            })
        );
        assert_eq!(
            another(Some(a), None),
            Some(Difference::NoClaim { expected: a })
        );
    }
}
