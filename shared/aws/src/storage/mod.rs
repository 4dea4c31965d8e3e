//! The storage slot on S3.

mod failure;
mod presign;
mod stream;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream as Body;
use failure::{INVALID_RANGE, PRECONDITION_FAILED, WRITTEN_AT_ONCE, broken, failed};
use fettle_backend::clock::Clock;
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::ports::{
    ByteStream, Error, ErrorKind, Object, ObjectPage, Presigned, Result, Storage, UploadTerms,
    check_object_key,
};
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;
use stream::Writing;

const MAX_LIMIT: usize = 1_000;

/// S3 has no larger object, by far; a number that is larger may not be read as one.
const PAST_ALL: u64 = 1 << 50;

/// Of reading an object whose bytes stop coming, or come damaged.
const READ_TRIES: u32 = 3;

/// Of a creation that meets another write of the same object.
const CREATE_TRIES: u32 = 6;

/// Before the second try of a creation; doubled each time.
const CREATE_PAUSE: Duration = Duration::from_millis(50);

/// The object's metadata that says whose creation it is.
const CREATION: &str = "fettle-creation";

/// Objects in a bucket.
///
/// Written and read with the SDK's checksums. An object whose checksum is another when it is read is
/// `Corrupt`; a missing object is only `NotFound` to who may list the bucket (S3 tells others that access
/// is denied, which is `Unavailable`). A write of more than one part that is cut off by a kill leaves
/// parts, for which the bucket has a rule ([`provision`](crate::provision) makes it).
pub struct S3Storage {
    client: Client,
    public: Client,
    bucket: String,
    clock: Arc<dyn Clock>,
    ids: Ids,
}

impl S3Storage {
    /// The storage in `bucket`. `public` signs the addresses that clients are given: its endpoint has to
    /// be one that they reach. Makes no call.
    ///
    /// An address is void no later than the credentials that signed it.
    pub fn new(client: Client, public: Client, bucket: String, clock: Arc<dyn Clock>) -> Self {
        let ids = Ids::new(Arc::clone(&clock), Arc::new(SystemEntropy));
        Self { client, public, bucket, clock, ids }
    }

    /// Whether the object that is there was written by this creation: the answer to a call may be lost,
    /// and the SDK then makes it again.
    async fn is_of(&self, key: &str, creation: &str) -> Result<bool> {
        let head = self.client.head_object().bucket(&self.bucket).key(key).send().await;
        match head.map_err(failed(format!("looking at {key}"))) {
            Ok(head) => Ok(head.metadata().and_then(|of| of.get(CREATION)).is_some_and(|of| of == creation)),
            // It was there and is removed by now.
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Storage for S3Storage {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        check_object_key(key)?;
        let body = Body::from(bytes.to_vec());
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(body);
        put.send().await.map(drop).map_err(failed(format!("writing {key}")))
    }

    async fn create(&self, key: &str, bytes: &[u8]) -> Result<()> {
        check_object_key(key)?;
        let creation = self.ids.uuid().simple().to_string();
        let mut pause = CREATE_PAUSE;
        for attempt in 1.. {
            let put = self.client.put_object().bucket(&self.bucket).key(key).if_none_match("*");
            let put = put.metadata(CREATION, &creation).body(Body::from(bytes.to_vec()));
            let Err(error) = put.send().await else { break };
            match error.code() {
                // Neither write may have won: S3 says to try again.
                Some(WRITTEN_AT_ONCE) if attempt < CREATE_TRIES => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Some(PRECONDITION_FAILED) if self.is_of(key, &creation).await? => break,
                _ => return Err(failed(format!("creating {key}"))(error)),
            }
        }
        Ok(())
    }

    async fn put_stream(&self, key: &str, stream: ByteStream, max_bytes: u64) -> Result<Object> {
        check_object_key(key)?;
        let writing = Writing { client: &self.client, bucket: &self.bucket, key };
        let bytes = writing.all_of(stream, max_bytes).await?;
        Ok(Object { key: key.to_owned(), bytes })
    }

    async fn get(&self, key: &str) -> Result<Vec<u8>> {
        check_object_key(key)?;
        let mut attempt = 1;
        loop {
            let get = self.client.get_object().bucket(&self.bucket).key(key).send().await;
            let body = get.map_err(failed(format!("reading {key}")))?.body;
            match body.collect().await {
                Ok(bytes) => return Ok(bytes.to_vec()),
                Err(error) if attempt == READ_TRIES => return Err(broken(format!("reading {key}"), error)),
                Err(_) => attempt += 1,
            }
        }
    }

    async fn get_stream(&self, key: &str, from: u64) -> Result<ByteStream> {
        if from > PAST_ALL {
            self.head(key).await?;
            return Ok(Box::pin(tokio::io::empty()));
        }
        check_object_key(key)?;
        let range = (from > 0).then(|| format!("bytes={from}-"));
        let get = self.client.get_object().bucket(&self.bucket).key(key).set_range(range).send().await;
        match get {
            Ok(output) if from > 0 && output.content_range().is_none() => {
                Err(Error::new(ErrorKind::Unavailable, format!("reading {key}: the range was not looked at")))
            }
            Ok(output) => Ok(Box::pin(output.body.into_async_read())),
            Err(error) if error.code() == Some(INVALID_RANGE) => Ok(Box::pin(tokio::io::empty())),
            Err(error) => Err(failed(format!("reading {key}"))(error)),
        }
    }

    async fn get_range(&self, key: &str, from: u64, length: u64) -> Result<Vec<u8>> {
        if from > PAST_ALL || length == 0 {
            self.head(key).await?;
            return Ok(Vec::new());
        }
        check_object_key(key)?;
        let range = format!("bytes={from}-{}", from.saturating_add(length - 1).min(PAST_ALL));
        let get = self.client.get_object().bucket(&self.bucket).key(key).range(range).send().await;
        let output = match get {
            Ok(output) => output,
            Err(error) if error.code() == Some(INVALID_RANGE) => return Ok(Vec::new()),
            Err(error) => return Err(failed(format!("reading {key}"))(error)),
        };
        if output.content_range().is_none() {
            let context = format!("reading {key}: the range was not looked at");
            return Err(Error::new(ErrorKind::Unavailable, context));
        }
        let bytes = output.body.collect().await.map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("reading {key} from {from}")).caused_by(error)
        })?;
        Ok(bytes.to_vec())
    }

    async fn head(&self, key: &str) -> Result<Object> {
        check_object_key(key)?;
        let head = self.client.head_object().bucket(&self.bucket).key(key).send().await;
        let length = head.map_err(failed(format!("looking at {key}")))?.content_length();
        Ok(Object { key: key.to_owned(), bytes: known_length(key, length)? })
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check_object_key(key)?;
        let delete = self.client.delete_object().bucket(&self.bucket).key(key).send().await;
        delete.map(drop).map_err(failed(format!("deleting {key}")))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<ObjectPage> {
        if limit == 0 || limit > MAX_LIMIT {
            return Err(Error::new(ErrorKind::Invalid, format!("a limit of {limit}: 1 to {MAX_LIMIT}")));
        }
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let list = list.set_start_after(after.map(str::to_owned)).max_keys(limit as i32);
        let page = list.send().await.map_err(failed(format!("listing {prefix}")))?;
        let objects = page
            .contents()
            .iter()
            .map(|object| {
                let key = object.key().unwrap_or_default();
                Ok(Object { key: key.to_owned(), bytes: known_length(key, object.size())? })
            })
            .collect::<Result<Vec<_>>>()?;
        let more = page.is_truncated().unwrap_or(false);
        let next = objects.last().filter(|_| more).map(|object| object.key.clone());
        Ok(ObjectPage { objects, next })
    }

    async fn presign_upload(
        &self,
        key: &str,
        terms: &UploadTerms,
        valid: SignedDuration,
    ) -> Result<Presigned> {
        self.sign_upload(key, terms, valid).await
    }

    async fn presign_download(&self, key: &str, file_name: &str, valid: SignedDuration) -> Result<Presigned> {
        self.sign_download(key, file_name, valid).await
    }
}

fn known_length(key: &str, length: Option<i64>) -> Result<u64> {
    length
        .and_then(|length| u64::try_from(length).ok())
        .ok_or_else(|| Error::new(ErrorKind::Unavailable, format!("S3 does not say the length of {key}")))
}
