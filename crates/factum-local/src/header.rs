//! A look at the data file's two header pages before LMDB maps it.
//!
//! LMDB checks a magic number and a version, and trusts everything else: a page size of zero or a
//! file that was cut off ends the process. So what can be told is told here first.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

const MAGIC: u32 = 0xBEEF_C0DE;
const VERSION: u32 = 1;
const META_PAGE: u16 = 0x08;
/// The flags of the tree of free pages. The main tree has none.
const INTEGER_KEY: u16 = 0x08;
const NO_ROOT: u64 = u64::MAX;
/// The page header and LMDB's `MDB_meta`, on a 64-bit machine.
const SIZE: usize = 152;

/// What one header page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    page_size: u64,
    roots: [u64; 2],
    last_page: u64,
    transaction: u64,
}

/// Says what is wrong with a data file, if anything that can be seen from its headers is.
pub(crate) fn damage(data: &mut File) -> io::Result<Option<String>> {
    if cfg!(not(target_pointer_width = "64")) {
        return Ok(None);
    }
    let Some(first) = read(data, 0)? else {
        return Ok(Some("it is cut off within its first header".to_owned()));
    };
    let first = match parse(&first) {
        Ok(header) => header,
        Err(damage) => return Ok(Some(format!("its first header {damage}"))),
    };
    let Some(second) = read(data, first.page_size)? else {
        return Ok(Some("it is cut off within its second header".to_owned()));
    };
    let length = data.metadata()?.len();
    Ok(match parse(&second) {
        Ok(second) => judge(first, second, length),
        Err(damage) => Some(format!("its second header {damage}")),
    })
}

fn read(data: &mut File, at: u64) -> io::Result<Option<[u8; SIZE]>> {
    let mut page = [0; SIZE];
    data.seek(SeekFrom::Start(at))?;
    match data.read_exact(&mut page) {
        Ok(()) => Ok(Some(page)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse(page: &[u8; SIZE]) -> Result<Header, &'static str> {
    let short = |at: usize| u16::from_ne_bytes(page[at..at + 2].try_into().expect("2 bytes"));
    let int = |at: usize| u32::from_ne_bytes(page[at..at + 4].try_into().expect("4 bytes"));
    let long = |at: usize| u64::from_ne_bytes(page[at..at + 8].try_into().expect("8 bytes"));
    if short(10) & META_PAGE == 0 || int(16) != MAGIC {
        return Err("is not one of LMDB's");
    }
    if int(20) != VERSION {
        return Err("is of another version of LMDB");
    }
    let page_size = int(40);
    if !page_size.is_power_of_two() || !(256..=65_536).contains(&page_size) {
        return Err("gives an impossible page size");
    }
    if short(44) != INTEGER_KEY || short(92) != 0 {
        return Err("gives impossible flags");
    }
    Ok(Header {
        page_size: page_size.into(),
        roots: [long(80), long(128)],
        last_page: long(136),
        transaction: long(144),
    })
}

/// Compares what the headers say with each other and with the file's length in bytes.
fn judge(first: Header, second: Header, length: u64) -> Option<String> {
    if first.page_size != second.page_size {
        return Some("its headers give different page sizes".to_owned());
    }
    let newest = if second.transaction > first.transaction {
        second
    } else {
        first
    };
    let beyond = |root: &u64| *root != NO_ROOT && (*root > newest.last_page || *root < 2);
    if newest.roots.iter().any(beyond) {
        return Some("its newest header names a page that is not there".to_owned());
    }
    let pages = newest.last_page.saturating_add(1);
    let needed = pages.saturating_mul(newest.page_size);
    (length < needed).then(|| {
        format!("it is cut off: {length} bytes long, where its newest header needs {needed}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        page_size: 4096,
        roots: [NO_ROOT, 5],
        last_page: 9,
        transaction: 3,
    };

    #[test]
    fn a_file_must_be_as_long_as_its_newest_header_says() {
        let older = Header {
            last_page: 100,
            transaction: 2,
            ..HEADER
        };
        assert_eq!(judge(HEADER, older, 40_960), None);
        assert_eq!(judge(older, HEADER, 50_000), None);
        let damage = judge(HEADER, older, 40_959).expect("it is cut off");
        assert!(
            damage.contains("40959") && damage.contains("40960"),
            "{damage}"
        );
    }

    #[test]
    fn a_root_must_be_a_page_of_the_file() {
        for root in [0, 1, 10] {
            let header = Header {
                roots: [root, NO_ROOT],
                ..HEADER
            };
            assert!(judge(header, header, 40_960).is_some(), "root {root}");
        }
    }

    #[test]
    fn a_header_must_be_plausible() {
        assert!(parse(&[0; SIZE]).is_err());
        assert!(parse(&[0xFF; SIZE]).is_err());
        let mut page = [0; SIZE];
        page[10..12].copy_from_slice(&META_PAGE.to_ne_bytes());
        page[16..20].copy_from_slice(&MAGIC.to_ne_bytes());
        page[20..24].copy_from_slice(&VERSION.to_ne_bytes());
        assert_eq!(parse(&page), Err("gives an impossible page size"));
        page[40..44].copy_from_slice(&4096_u32.to_ne_bytes());
        assert_eq!(parse(&page), Err("gives impossible flags"));
        page[44..46].copy_from_slice(&INTEGER_KEY.to_ne_bytes());
        assert_eq!(parse(&page).map(|it| it.page_size), Ok(4096));
    }
}
