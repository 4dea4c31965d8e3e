//! Writes an object from a stream: in one piece if it is small, else in parts.

use super::failure::failed;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream as Body;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use fettle_backend::ports::{ByteStream, Error, ErrorKind, Result};
use std::io;
use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// S3 takes parts of 5 MiB and more.
const PART_BYTES: usize = 8 << 20;

/// Parts on their way at once; one more is being read.
const IN_FLIGHT: usize = 2;

/// S3 takes no more.
const MAX_PARTS: i32 = 10_000;

/// Where to.
#[derive(Clone, Copy)]
pub(super) struct Writing<'a> {
    pub(super) client: &'a Client,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
}

impl Writing<'_> {
    /// Writes the stream to its end; how many bytes it had. To be dropped on the way leaves nothing.
    pub(super) async fn all_of(self, stream: ByteStream, max_bytes: u64) -> Result<u64> {
        let mut source = Source { stream, read: 0, max_bytes, key: self.key };
        let first = source.part().await?;
        if first.len() < PART_BYTES {
            let put = self.client.put_object().bucket(self.bucket).key(self.key).body(Body::from(first));
            put.send().await.map_err(failed(format!("writing {}", self.key)))?;
        } else {
            self.in_parts(&mut source, first).await?;
        }
        Ok(source.read)
    }

    async fn in_parts(self, source: &mut Source<'_>, first: Vec<u8>) -> Result<()> {
        // Declared first, so dropped after the parts that are on their way.
        let upload = Upload::begin(self).await?;
        let (mut sending, mut sent) = (JoinSet::new(), Vec::new());
        let (mut part, mut number) = (first, 1);
        loop {
            if number > MAX_PARTS {
                return Err(too_large(self.key, MAX_PARTS as u64 * PART_BYTES as u64));
            }
            if sending.len() == IN_FLIGHT {
                sent.extend(next(&mut sending).await?);
            }
            let is_last = part.len() < PART_BYTES;
            sending.spawn(upload.part(number, part));
            if is_last {
                break;
            }
            part = source.part().await?;
            if part.is_empty() {
                break;
            }
            number += 1;
        }
        while let Some(part) = next(&mut sending).await? {
            sent.push(part);
        }
        sent.sort_unstable_by_key(CompletedPart::part_number);
        upload.complete(sent).await
    }
}

async fn next(sending: &mut JoinSet<Result<CompletedPart>>) -> Result<Option<CompletedPart>> {
    let lost = |error| Error::new(ErrorKind::Unavailable, "writing a part").caused_by(error);
    sending.join_next().await.map(|joined| joined.map_err(lost)?).transpose()
}

fn too_large(key: &str, max_bytes: u64) -> Error {
    Error::new(ErrorKind::TooLarge, format!("{key} has more than {max_bytes} bytes"))
}

/// A stream that is read part by part.
struct Source<'a> {
    stream: ByteStream,
    read: u64,
    max_bytes: u64,
    key: &'a str,
}

impl Source<'_> {
    /// The next part: whole but for the last one.
    async fn part(&mut self) -> Result<Vec<u8>> {
        // One byte over the limit is read, to know that there is one.
        let rest = (self.max_bytes - self.read).saturating_add(1);
        let room = usize::try_from(rest).map_or(PART_BYTES, |rest| rest.min(PART_BYTES));
        // A little more than the part, or the buffer is doubled only to find the end.
        let mut part = Vec::with_capacity(room + 64);
        let read = (&mut self.stream).take(room as u64).read_to_end(&mut part).await;
        self.read += read.map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::InvalidData => ErrorKind::Corrupt,
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, format!("reading what is to be {}", self.key)).caused_by(error)
        })? as u64;
        if self.read > self.max_bytes {
            return Err(too_large(self.key, self.max_bytes));
        }
        Ok(part)
    }
}

/// An upload in parts, given up unless it is completed.
struct Upload {
    client: Client,
    bucket: String,
    key: String,
    id: Option<String>,
}

impl Upload {
    async fn begin(Writing { client, bucket, key }: Writing<'_>) -> Result<Self> {
        let create = client.create_multipart_upload().bucket(bucket).key(key);
        let create = create.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await;
        let id = create.map_err(failed(format!("writing {key}")))?.upload_id;
        Ok(Self { client: client.clone(), bucket: bucket.to_owned(), key: key.to_owned(), id })
    }

    fn part(&self, number: i32, bytes: Vec<u8>) -> impl Future<Output = Result<CompletedPart>> + use<> {
        let upload = self.client.upload_part().bucket(&self.bucket).key(&self.key);
        let upload = upload
            .set_upload_id(self.id.clone())
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(Body::from(bytes));
        let writing = format!("writing part {number} of {}", self.key);
        async move {
            let done = upload.send().await.map_err(failed(writing))?;
            Ok(CompletedPart::builder()
                .part_number(number)
                .set_e_tag(done.e_tag)
                .set_checksum_crc32(done.checksum_crc32)
                .build())
        }
    }

    async fn complete(mut self, parts: Vec<CompletedPart>) -> Result<()> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.client.complete_multipart_upload().bucket(&self.bucket).key(&self.key);
        let complete = complete.set_upload_id(self.id.clone()).multipart_upload(parts).send().await;
        complete.map_err(failed(format!("writing {}", self.key)))?;
        self.id = None;
        Ok(())
    }
}

impl Drop for Upload {
    /// In the background, since what gives up may be a future that is dropped.
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), Handle::try_current()) else { return };
        let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(&self.key).upload_id(id);
        let key = std::mem::take(&mut self.key);
        runtime.spawn(async move {
            if let Err(error) = abort.send().await {
                tracing::warn!(key, error = &error as &dyn std::error::Error, "parts of an object are left");
            }
        });
    }
}
