//! The bytes around an artifact's contents: a header that says what it is, a checksum, compression.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `FETTLE`, 0, 26 |
//! | 2 | the format's version, little endian like all numbers |
//! | 8 | the length of the contents |
//! | 8 | the length of what follows the header |
//! | 32 | SHA-256 of the version's bytes and what follows the header; of the latter alone in versions 1 and 2 |
//! | … | the contents, compressed with Zstandard |

use std::io::Read;

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"FETTLE\0\x1a";
/// The version that is written. Those before it are read too.
const VERSION: u16 = 3;
const HEADER: usize = 58;
/// The most that an artifact may hold when unpacked.
const LARGEST: u64 = 1 << 30;
const LEVEL: i32 = 3;

/// Why bytes are not a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// The bytes do not begin like an artifact.
    #[error("this is not a Fettle model")]
    NotAnArtifact,
    /// A newer version wrote it.
    #[error("the model's format is version {0}, and this program reads versions up to {VERSION}")]
    NewerFormat(u16),
    /// Bytes are missing, changed or too many.
    #[error("the model is damaged: {0}")]
    Damaged(&'static str),
    /// The contents make no sense together.
    #[error("the model is not valid: {0}")]
    Invalid(String),
    /// It is larger than a model may be.
    #[error("the model has {bytes} bytes, and at most {LARGEST} are possible")]
    TooLarge {
        /// The length of the contents.
        bytes: u64,
    },
}

pub(super) fn wrap(contents: &[u8]) -> Result<Vec<u8>, ArtifactError> {
    let length = contents.len() as u64;
    if length > LARGEST {
        return Err(ArtifactError::TooLarge { bytes: length });
    }
    let packed =
        zstd::bulk::compress(contents, LEVEL).map_err(|error| ArtifactError::Invalid(error.to_string()))?;
    let mut bytes = Vec::with_capacity(HEADER + packed.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&(packed.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&checksum(VERSION, &packed));
    bytes.extend_from_slice(&packed);
    Ok(bytes)
}

/// A version is checked with the rest from the third on: one that is damaged would be read as another.
fn checksum(version: u16, packed: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    if version >= 3 {
        hash.update(version.to_le_bytes());
    }
    hash.update(packed);
    hash.finalize().into()
}

/// The version and the contents.
pub(super) fn unwrap(bytes: &[u8]) -> Result<(u16, Vec<u8>), ArtifactError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(ArtifactError::NotAnArtifact)?;
    let cut = ArtifactError::Damaged("its header is cut off");
    let (version, rest) = rest.split_first_chunk().ok_or_else(|| cut.clone())?;
    let version = u16::from_le_bytes(*version);
    match version {
        1..=VERSION => {}
        0 => return Err(ArtifactError::Damaged("its version is 0")),
        newer => return Err(ArtifactError::NewerFormat(newer)),
    }
    let (length, rest) = rest.split_first_chunk().ok_or_else(|| cut.clone())?;
    let (packed_length, rest) = rest.split_first_chunk().ok_or_else(|| cut.clone())?;
    let (checksum, packed) = rest.split_first_chunk::<32>().ok_or(cut)?;
    let length = u64::from_le_bytes(*length);
    if length > LARGEST {
        return Err(ArtifactError::TooLarge { bytes: length });
    }
    if packed.len() as u64 != u64::from_le_bytes(*packed_length) {
        return Err(ArtifactError::Damaged("its length is not what its header says"));
    }
    if self::checksum(version, packed) != *checksum {
        return Err(ArtifactError::Damaged("its checksum does not match"));
    }
    // Read as it comes, one byte further than promised at most: neither the promise nor what the
    // compressed bytes would expand to can take more memory than the limit.
    let mut contents = Vec::new();
    let unpacked =
        zstd::Decoder::new(packed).and_then(|decoder| decoder.take(length + 1).read_to_end(&mut contents));
    if unpacked.is_err() || contents.len() as u64 != length {
        return Err(ArtifactError::Damaged("it does not unpack to what its header says"));
    }
    Ok((version, contents))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_wrapped_is_unwrapped() {
        let contents = b"contents ".repeat(1000);
        let bytes = wrap(&contents).unwrap();
        assert!(bytes.len() < 200);
        assert_eq!(unwrap(&bytes).unwrap(), (VERSION, contents));
        assert_eq!(unwrap(&wrap(b"").unwrap()).unwrap(), (VERSION, Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let bytes = wrap(b"contents").unwrap();
        assert_eq!(unwrap(b""), Err(ArtifactError::NotAnArtifact));
        assert_eq!(unwrap(b"PK\x03\x04 something else"), Err(ArtifactError::NotAnArtifact));
        for length in MAGIC.len()..bytes.len() {
            assert!(matches!(unwrap(&bytes[..length]), Err(ArtifactError::Damaged(_))), "{length}");
        }
        let mut newer = bytes.clone();
        newer[8..10].copy_from_slice(&(VERSION + 1).to_le_bytes());
        assert_eq!(unwrap(&newer), Err(ArtifactError::NewerFormat(VERSION + 1)));
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(matches!(unwrap(&longer), Err(ArtifactError::Damaged(_))));
    }

    #[test]
    fn a_changed_byte_is_found() {
        let bytes = wrap(&b"contents ".repeat(20)).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(unwrap(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_bomb_stops_at_its_promise() {
        // 64 MB of zeros that promise to be 8 bytes, with a sound checksum.
        let mut bytes = wrap(&vec![0; 64 << 20]).unwrap();
        bytes[10..18].copy_from_slice(&8u64.to_le_bytes());
        assert!(matches!(unwrap(&bytes), Err(ArtifactError::Damaged(_))));
        bytes[10..18].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(unwrap(&bytes), Err(ArtifactError::TooLarge { bytes: u64::MAX }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = unwrap(&[&MAGIC[..], &bytes].concat());
            let _ = unwrap(&[&MAGIC[..], &[1, 0], &bytes].concat());
            prop_assert_eq!(unwrap(&bytes).is_ok(), false);
        }
    }
}
