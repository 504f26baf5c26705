//! Any bytes, as a value behind its frame.

use factum_schema::{Reader, frame};

/// A frame that is read is the one that would be written; anything else is an error.
pub fn run(bytes: &[u8]) {
    let mut input = Reader::new(bytes);
    match input.frame() {
        Ok(fingerprint) => {
            let mut out = Vec::new();
            frame::write(&mut out, fingerprint);
            assert_eq!(out, bytes[..frame::LEN]);
            assert_eq!(input.position(), frame::LEN);
        }
        Err(error) => {
            assert!(bytes.len() < frame::LEN || bytes[..2] != [0xc3, 0x01]);
            assert_eq!(input.position(), 0);
            assert!(!error.to_string().is_empty());
        }
    }
}
