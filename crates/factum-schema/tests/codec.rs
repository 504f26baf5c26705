//! What is written reads back, and no bytes at all make a reader panic.

use std::collections::BTreeMap;

use factum_schema::{DecodeError, DecodeErrorKind as Kind, Reader, write};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use uuid::Uuid;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn read<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut input = Reader::new(bytes);
    let value = read(&mut input)?;
    input.finish()?;
    Ok(value)
}

#[track_caller]
fn fails<'a, T: std::fmt::Debug>(
    bytes: &'a [u8],
    by: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    kind: Kind,
    position: usize,
) {
    let error = read(bytes, by).expect_err("these bytes are no value");
    assert_eq!((error.kind(), error.position()), (&kind, position));
}

#[test]
fn numbers_are_the_specifications() {
    for (value, bytes) in [
        (0, &[0][..]),
        (-1, &[1]),
        (1, &[2]),
        (-64, &[0x7f]),
        (64, &[0x80, 0x01]),
        (
            i64::MAX,
            &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ),
        (
            i64::MIN,
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ),
    ] {
        assert_eq!(written(|out| write::long(out, value)), bytes);
        assert_eq!(read(bytes, Reader::long), Ok(value));
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    let above_int = written(|out| write::long(out, 1 << 31));
    fails(&above_int, Reader::int, Kind::Overflow("int"), 5);
    fails(&[0xff; 12], Reader::long, Kind::Overflow("long"), 0);
    let tenth_byte = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    fails(&tenth_byte, Reader::long, Kind::Overflow("long"), 0);
    fails(&[0x80], Reader::long, Kind::Ended("number"), 0);
    fails(&[], Reader::long, Kind::Ended("number"), 0);
}

#[test]
fn lengths_are_checked_before_anything_is_allocated() {
    let huge = written(|out| write::long(out, i64::MAX));
    fails(&huge, Reader::bytes, Kind::Length(i64::MAX), 0);
    fails(&[1], Reader::string, Kind::Length(-1), 0);
    fails(
        &huge,
        |input| input.array(1, Reader::long),
        Kind::Length(i64::MAX),
        0,
    );
    fails(
        &huge,
        |input| input.map(0, Reader::boolean),
        Kind::Length(i64::MAX),
        0,
    );
    let least = written(|out| write::long(out, i64::MIN));
    let least = [least, vec![0]].concat();
    fails(
        &least,
        |input| input.array(1, Reader::long),
        Kind::Length(i64::MIN),
        0,
    );
    // Two items of eight bytes each don't fit nine bytes.
    fails(
        &[&[4][..], &[0; 9]].concat(),
        |input| input.array(8, Reader::double),
        Kind::Length(2),
        0,
    );
}

#[test]
fn of_several_values_of_a_key_the_last_counts() {
    let bytes = [4, 2, b'k', 1, 2, b'k', 0, 0];
    let owned = read(&bytes, |input| input.map(1, Reader::boolean));
    let borrowed = read(&bytes, |input| input.map_ref(1, Reader::boolean));
    assert_eq!(owned, Ok([("k".to_owned(), false)].into()));
    assert_eq!(borrowed, Ok([("k", false)].into()));
}

#[test]
fn a_fixed_is_read_whole_or_not_at_all() {
    let bytes = [1, 2, 3];
    assert_eq!(read(&bytes, Reader::fixed), Ok(bytes));
    let borrowed = read(&bytes, Reader::fixed_ref::<3>).unwrap();
    assert_eq!(borrowed.as_ptr(), bytes.as_ptr());
    fails(&bytes, Reader::fixed::<4>, Kind::Ended("fixed"), 0);
    fails(&bytes, Reader::fixed_ref::<4>, Kind::Ended("fixed"), 0);
}

#[test]
fn blocks_with_sizes_are_read_and_passed_over() {
    // Two items in a block of two bytes, one item in a block without a size, the end.
    let bytes = [3, 4, 2, 4, 2, 6, 0];
    assert_eq!(
        read(&bytes, |input| input.array(1, Reader::long)),
        Ok(vec![1, 2, 3])
    );
    let skip = |input: &mut Reader<'_>| input.skip_array(1, |input| input.long().map(drop));
    assert_eq!(read(&bytes, skip), Ok(()));
    fails(&[3, 1, 2, 4, 0], skip, Kind::Length(-1), 0);
    fails(&[3, 80, 2, 4, 0], skip, Kind::Length(40), 0);
}

#[test]
fn what_is_no_value_is_refused() {
    fails(&[2], Reader::boolean, Kind::Boolean(2), 0);
    fails(&[4, 0xff, 0xff], Reader::string, Kind::Utf8, 0);
    fails(
        &[6],
        |input| input.index(3),
        Kind::Index { index: 3, count: 3 },
        0,
    );
    fails(
        &[1],
        |input| input.index(3),
        Kind::Index {
            index: -1,
            count: 3,
        },
        0,
    );
    fails(&[0, 0], Reader::boolean, Kind::LeftOver(1), 1);
    fails(&[0; 7], Reader::double, Kind::Ended("fixed"), 0);
    fails(&[0; 7], |input| input.skip(8), Kind::Ended("value"), 0);
    fails(&[2, b'x'], Reader::uuid, Kind::Logical("uuid"), 0);
}

#[test]
fn times_beyond_jiff_are_refused() {
    let long = |value| written(|out| write::long(out, value));
    for micros in [
        Timestamp::MAX.as_microsecond() + 1,
        Timestamp::MIN.as_microsecond() - 1,
        i64::MAX,
        i64::MIN,
    ] {
        fails(
            &long(micros),
            Reader::timestamp_micros::<Timestamp>,
            Kind::Logical("timestamp-micros"),
            0,
        );
    }
    for millis in [i64::MAX, i64::MIN, Timestamp::MAX.as_millisecond() + 1] {
        fails(
            &long(millis),
            Reader::timestamp_millis::<Timestamp>,
            Kind::Logical("timestamp-millis"),
            0,
        );
    }
    for days in [i32::MAX, i32::MIN, 2_932_897, -4_371_588] {
        fails(
            &long(days.into()),
            Reader::date::<Date>,
            Kind::Logical("date"),
            0,
        );
    }
    assert_eq!(read(&long(2_932_896), Reader::date), Ok(date(9999, 12, 31)));
    assert_eq!(read(&long(-4_371_587), Reader::date), Ok(date(-9999, 1, 1)));
}

#[test]
fn finer_times_are_cut_off_toward_the_past() {
    for (nanos, micros, millis) in [
        (1_999_999, 1_999, 1),
        (-1, -1, -1),
        (-1_000, -1, -1),
        (-1_000_001, -1_001, -2),
    ] {
        let time = Timestamp::from_nanosecond(nanos).unwrap();
        let bytes = written(|out| write::timestamp_micros(out, time));
        assert_eq!(read(&bytes, Reader::long), Ok(micros));
        let bytes = written(|out| write::timestamp_millis(out, time));
        assert_eq!(read(&bytes, Reader::long), Ok(millis));
    }
}

fn any_date() -> impl Strategy<Value = Date> {
    (-4_371_587_i64..=2_932_896).prop_map(|days| {
        let since = jiff::SignedDuration::from_secs(days * 86_400);
        date(1970, 1, 1).checked_add(since).unwrap()
    })
}

proptest! {
    #[test]
    fn every_value_reads_back(
        long: i64, int: i32, float: f32, double: f64, text in ".*", raw: Vec<u8>, flag: bool,
        micros in Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond(),
        day in any_date(), id: u128, note: Option<String>,
        list: Vec<i64>, entries: BTreeMap<String, bool>,
    ) {
        let time = Timestamp::from_microsecond(micros).unwrap();
        let bytes = written(|out| {
            write::long(out, long);
            write::int(out, int);
            write::float(out, float);
            write::double(out, double);
            write::string(out, &text);
            write::bytes(out, &raw);
            write::boolean(out, flag);
            write::timestamp_micros(out, time);
            write::date(out, day);
            write::uuid(out, Uuid::from_u128(id));
            write::nullable(out, 1, note.as_ref(), |out, text| write::string(out, text));
            write::array(out, &list, |out, n| write::long(out, *n));
            write::map(out, &entries, |out, flag| write::boolean(out, *flag));
        });
        let mut input = Reader::new(&bytes);
        prop_assert_eq!(input.long(), Ok(long));
        prop_assert_eq!(input.int(), Ok(int));
        prop_assert_eq!(input.float().unwrap().to_bits(), float.to_bits());
        prop_assert_eq!(input.double().unwrap().to_bits(), double.to_bits());
        prop_assert_eq!(input.string(), Ok(text));
        prop_assert_eq!(input.bytes(), Ok(raw));
        prop_assert_eq!(input.boolean(), Ok(flag));
        prop_assert_eq!(input.timestamp_micros(), Ok(time));
        prop_assert_eq!(input.date(), Ok(day));
        prop_assert_eq!(input.uuid(), Ok(Uuid::from_u128(id)));
        prop_assert_eq!(input.nullable(1, Reader::string), Ok(note));
        prop_assert_eq!(input.array(1, Reader::long), Ok(list));
        prop_assert_eq!(input.map(1, Reader::boolean), Ok(entries));
        prop_assert_eq!(input.finish(), Ok(()));
    }

    /// Each step takes bytes in another way; a failed one leaves the reader where it was or further
    /// on, never outside.
    #[test]
    fn no_bytes_make_a_reader_panic(bytes: Vec<u8>, steps in prop::collection::vec(0..16, 0..24)) {
        let mut input = Reader::new(&bytes);
        for step in steps {
            let before = input.position();
            let _ = match step {
                0 => input.boolean().map(drop),
                1 => input.int().map(drop),
                2 => input.long().map(drop),
                3 => input.double().map(drop),
                4 => input.string().map(drop),
                5 => input.bytes().map(drop),
                6 => input.index(3).map(drop),
                7 => input.timestamp_micros::<Timestamp>().map(drop),
                8 => input.timestamp_millis::<Timestamp>().map(drop),
                9 => input.date::<Date>().map(drop),
                10 => input.uuid().map(drop),
                11 => input.array(1, |input| input.array(1, Reader::long)).map(drop),
                12 => input.map(1, |input| input.nullable(0, Reader::string)).map(drop),
                13 => input.skip_array(1, |input| input.skip(3)),
                14 => input.skip_map(0, |_| Ok(())),
                _ => input.frame().map(drop),
            };
            prop_assert!(before <= input.position() && input.position() <= bytes.len());
        }
    }
}
