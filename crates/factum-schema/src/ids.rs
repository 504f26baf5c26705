//! Which schema a registry's id stands for: one table for the whole program.
//!
//! A value in Confluent's framing names its schema by an id that only the registry can tell. Generated
//! code looks the id up here, wherever it reads: in an engine's replay, a worker, a test. So a program
//! may use one registry, and learns its ids when it starts; learning one later is fine, too.

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;

/// Read for every value in that framing and written a few times in a program's life: readers take no lock.
static TABLE: LazyLock<ArcSwap<Vec<Known>>> = LazyLock::new(ArcSwap::default);

/// An id and the fingerprint that it stands for. The table is sorted by id.
type Known = (u32, u64);

/// An id that already stands for another schema: ids of two registries were mixed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the schema id {id} stands for fingerprint {known:016x}, and now for {learned:016x}, too: a program can read the \
     ids of one registry only"
)]
pub struct TwoMeanings {
    /// The id.
    pub id: u32,
    /// The fingerprint that it stood for.
    pub known: u64,
    /// The fingerprint that it was to stand for as well.
    pub learned: u64,
}

/// Takes in that `id` stands for the schema of that fingerprint. To learn it twice changes nothing.
///
/// # Errors
/// The id stands for another schema already, as far as this program knows.
pub fn learn(id: u32, fingerprint: u64) -> Result<(), TwoMeanings> {
    let mut outcome = Ok(());
    TABLE.rcu(|table| {
        let (next, learned) = with(table, id, fingerprint);
        outcome = learned;
        next
    });
    outcome
}

/// The fingerprint that `id` stands for, if it was learned.
pub fn fingerprint_of(id: u32) -> Option<u64> {
    let table = TABLE.load();
    let at = table.binary_search_by_key(&id, |known| known.0).ok()?;
    Some(table[at].1)
}

fn with(
    table: &Arc<Vec<Known>>,
    id: u32,
    learned: u64,
) -> (Arc<Vec<Known>>, Result<(), TwoMeanings>) {
    match table.binary_search_by_key(&id, |known| known.0) {
        Ok(at) if table[at].1 == learned => (Arc::clone(table), Ok(())),
        Ok(at) => {
            let known = table[at].1;
            let mixed = TwoMeanings { id, known, learned };
            (Arc::clone(table), Err(mixed))
        }
        Err(at) => {
            let mut next = Vec::clone(table);
            next.insert(at, (id, learned));
            (Arc::new(next), Ok(()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_learned_once() {
        assert_eq!(fingerprint_of(900_001), None);
        learn(900_002, 2).unwrap();
        learn(900_001, 1).unwrap();
        learn(900_002, 2).unwrap();
        assert_eq!(
            (fingerprint_of(900_001), fingerprint_of(900_002)),
            (Some(1), Some(2))
        );
        let mixed = learn(900_001, 3).unwrap_err();
        assert_eq!((mixed.known, mixed.learned), (1, 3));
        assert_eq!(fingerprint_of(900_001), Some(1));
    }

    #[test]
    fn nothing_is_lost_when_many_learn_at_once() {
        std::thread::scope(|scope| {
            for thread in 0..4_u32 {
                scope.spawn(move || {
                    for n in 0..100 {
                        learn(910_000 + n * 4 + thread, n.into()).unwrap();
                    }
                });
            }
        });
        for n in 0..100 {
            for thread in 0..4 {
                assert_eq!(fingerprint_of(910_000 + n * 4 + thread), Some(n.into()));
            }
        }
    }
}
