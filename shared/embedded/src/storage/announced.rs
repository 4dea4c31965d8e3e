//! Holds an upload to what was announced of it.

use super::Grant;
use fettle_backend::ports::ByteStream;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// A stream that ends with `InvalidData` unless its bytes are those that the grant announces.
pub(super) struct Announced {
    inner: ByteStream,
    bytes: Option<u64>,
    seen: u64,
    /// The digest so far and the one announced.
    digest: Option<(Sha256, String)>,
}

impl Announced {
    pub(super) fn new(inner: ByteStream, grant: &Grant) -> Self {
        let digest = grant.sha256.clone().map(|announced| (Sha256::new(), announced));
        Self { inner, bytes: grant.bytes, seen: 0, digest }
    }

    fn check(&mut self) -> io::Result<()> {
        let other = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        if let Some(bytes) = self.bytes.filter(|bytes| *bytes != self.seen) {
            return other(format!("{} bytes, of {bytes} announced", self.seen));
        }
        if let Some((digest, announced)) = self.digest.take() {
            let found = digest.finalize().iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("writing to a string does not fail");
                hex
            });
            if found != announced {
                return other("bytes of another SHA-256 than announced".into());
            }
        }
        Ok(())
    }
}

impl AsyncRead for Announced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let room = buffer.remaining() > 0;
        ready!(self.inner.as_mut().poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        if read.is_empty() && room {
            return Poll::Ready(self.check());
        }
        self.seen += read.len() as u64;
        if let Some((digest, _)) = &mut self.digest {
            digest.update(read);
        }
        Poll::Ready(Ok(()))
    }
}
