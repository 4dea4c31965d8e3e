//! Gzip, of one member or several, up to a limit.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use crate::table::{TableError, TableErrorKind};

/// The first bytes of a gzip stream with deflate inside, the only kind there is.
pub(super) const MAGIC: &[u8] = b"\x1F\x8B\x08";

/// Unpacks, and stops one byte above the limit: a bomb costs no more than the limit.
pub(super) fn decode(bytes: &[u8], max_bytes: u64) -> Result<Vec<u8>, TableError> {
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(max_bytes.saturating_add(1)).read_to_end(&mut unpacked);
    if unpacked.len() as u64 > max_bytes {
        return Err(TableError::new(
            TableErrorKind::TooLarge,
            format!("the gzip file unpacks to more than the {max_bytes} bytes that are allowed"),
            "send fewer rows or columns, or have the limit raised",
        ));
    }
    match read {
        Ok(_) => Ok(unpacked),
        Err(error) => {
            let what = match error.kind() {
                io::ErrorKind::UnexpectedEof => "ends early".to_owned(),
                _ => format!("is broken: {error}"),
            };
            Err(TableError::new(
                TableErrorKind::Malformed,
                format!("the gzip file {what}"),
                "compress and send it again",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn several_members_are_one_file() {
        let packed = [pack(b"a,b\n"), pack(b"1,2\n")].concat();
        assert_eq!(decode(&packed, 100).unwrap(), b"a,b\n1,2\n");
        assert_eq!(decode(&packed, 8).unwrap().len(), 8);
        assert_eq!(decode(&packed, 7).unwrap_err().kind, TableErrorKind::TooLarge);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let packed = pack(&vec![b'0'; 50 << 20]);
        assert!(packed.len() < 100_000);
        assert_eq!(decode(&packed, 1 << 20).unwrap_err().kind, TableErrorKind::TooLarge);
    }

    #[test]
    fn broken_streams_are_malformed() {
        let packed = pack(b"a,b\n1,2\n");
        for broken in [&packed[..packed.len() - 3], &packed[..5], &[&packed[..], b"xx"].concat()] {
            assert_eq!(decode(broken, 100).unwrap_err().kind, TableErrorKind::Malformed);
        }
    }
}
