//! Events of one aggregate as they lie on the disk: for each its offset and the lengths of its header
//! and value, in postcard's format, and then both.

use factum_core::Offset;

use super::tail::{Group, sequence};
use super::{Kept, Places};

/// The size at which a chunk is closed.
const CHUNK: usize = 32 << 10;

/// Hands on the events of an aggregate in chunks, each with the version of its first one; `None` if it is
/// not known where one of them stands.
pub(crate) fn chunks(
    group: &Group,
    places: &Places,
    mut take: impl FnMut(u64, &[u8]) -> Option<()>,
) -> Option<()> {
    let (mut first, mut chunk) = (group.first, Vec::new());
    for (version, record) in group.iter() {
        let header = record.header?;
        let offset = places.offset(sequence(header)?)?;
        let front = (offset, header.len(), record.value.len());
        chunk = postcard::to_extend(&front, chunk).ok()?;
        chunk.extend_from_slice(header);
        chunk.extend_from_slice(record.value);
        if chunk.len() >= CHUNK {
            take(first, &chunk)?;
            chunk.clear();
            first = version + 1;
        }
    }
    match chunk.is_empty() {
        true => Some(()),
        false => take(first, &chunk),
    }
}

/// The events of a chunk; `None` behind what is not one.
pub(crate) fn kept(first: u64, mut chunk: &[u8]) -> impl Iterator<Item = Option<Kept>> {
    let mut version = first;
    std::iter::from_fn(move || {
        if chunk.is_empty() {
            return None;
        }
        let read = one(chunk, version);
        chunk = read.as_ref().map_or(&[], |(_, rest)| rest);
        version += 1;
        Some(read.map(|(kept, _)| kept))
    })
}

fn one(chunk: &[u8], version: u64) -> Option<(Kept, &[u8])> {
    let ((offset, header, value), rest): ((Offset, usize, usize), _) =
        postcard::take_from_bytes(chunk).ok()?;
    let (header, rest) = rest.split_at_checked(header)?;
    let (value, rest) = rest.split_at_checked(value)?;
    let (header, value) = (header.to_vec(), value.to_vec());
    Some((
        Kept {
            offset,
            version,
            header,
            value,
        },
        rest,
    ))
}

#[cfg(test)]
mod tests {
    use factum_core::{EventHeader, Header, RecordRef, Records, Stamp};

    use super::*;

    fn group(events: u64, bytes: usize) -> (Group, Places) {
        let (mut records, mut places) = (Records::new(), Places::default());
        for number in 0..events {
            let stamp = Stamp {
                epoch: 1,
                sequence: 10 + 2 * number,
                index: 0,
                size: 1,
            };
            let header = EventHeader {
                stamp,
                ..EventHeader::default()
            };
            let mut bytes_of_header = Vec::new();
            Header::Event(header).encode(&mut bytes_of_header);
            let value = vec![number as u8; bytes];
            let (header, value) = (Some(&*bytes_of_header), &*value);
            records.push(RecordRef {
                key: b"",
                header,
                value,
            });
            places.note(stamp.sequence, 1000 + 5 * number);
        }
        (Group { first: 7, records }, places)
    }

    #[test]
    fn what_is_put_in_comes_out() {
        for (events, bytes) in [(1, 0), (3, 10), (100, 2_000)] {
            let (group, places) = group(events, bytes);
            let mut found = Vec::new();
            let taken = chunks(&group, &places, |first, chunk| {
                assert!(chunk.len() < CHUNK + bytes + 100);
                found.extend(kept(first, chunk).map(Option::unwrap));
                Some(())
            });
            taken.unwrap();
            assert_eq!(found.len() as u64, events);
            for (number, found) in (0..).zip(found) {
                let record = group.records.get(number).unwrap();
                let number = number as u64;
                assert_eq!(
                    (found.version, found.offset),
                    (7 + number, 1000 + 5 * number)
                );
                assert_eq!(Some(&*found.header), record.header);
                assert_eq!(found.value, record.value);
            }
        }
    }

    #[test]
    fn an_event_without_a_place_is_refused() {
        let (group, _) = group(1, 1);
        assert_eq!(chunks(&group, &Places::default(), |_, _| Some(())), None);
    }

    #[test]
    fn a_cut_chunk_is_told() {
        let (group, places) = group(2, 10);
        let whole = std::cell::RefCell::new(Vec::new());
        let _ = chunks(&group, &places, |_, chunk| {
            whole.borrow_mut().extend_from_slice(chunk);
            Some(())
        });
        let whole = whole.into_inner();
        let found: Vec<_> = kept(7, &whole[..whole.len() - 1]).collect();
        assert_eq!(found.len(), 2);
        assert!(found[0].is_some() && found[1].is_none());
    }
}
