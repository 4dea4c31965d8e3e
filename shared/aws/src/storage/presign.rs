//! Requests to S3 that their holder may make without credentials.

use super::S3Storage;
use super::failure::failed;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fettle_backend::ports::{
    Error, ErrorKind, Presigned, Result, UploadTerms, check_object_key, content_disposition, presigned_until,
};
use jiff::{SignedDuration, Timestamp};
use std::time::{Duration, SystemTime};

impl S3Storage {
    /// A `PUT` whose signature holds the exact length and the SHA-256, where the terms have them, as
    /// headers that the request has to carry.
    pub(super) async fn sign_upload(
        &self,
        key: &str,
        terms: &UploadTerms,
        valid: SignedDuration,
    ) -> Result<Presigned> {
        check_object_key(key)?;
        terms.check()?;
        let (config, expires_at) = self.presigning(valid)?;
        let length = terms.bytes.map(i64::try_from).transpose().map_err(|error| {
            Error::new(ErrorKind::Invalid, "an upload of more bytes than S3 can count").caused_by(error)
        })?;
        let put = self.public.put_object().bucket(&self.bucket).key(key);
        let put = put
            .set_content_length(length)
            .set_checksum_sha256(terms.digest()?.map(|digest| STANDARD.encode(digest)));
        let request = put.presigned(config).await.map_err(failed(format!("presigning {key}")))?;
        Ok(presigned(&request, expires_at))
    }

    /// A `GET` that is answered with the file's name.
    pub(super) async fn sign_download(
        &self,
        key: &str,
        file_name: &str,
        valid: SignedDuration,
    ) -> Result<Presigned> {
        check_object_key(key)?;
        let (config, expires_at) = self.presigning(valid)?;
        let get = self.public.get_object().bucket(&self.bucket).key(key);
        let get = get.response_content_disposition(content_disposition(file_name));
        let request = get.presigned(config).await.map_err(failed(format!("presigning {key}")))?;
        Ok(presigned(&request, expires_at))
    }

    fn presigning(&self, valid: SignedDuration) -> Result<(PresigningConfig, Timestamp)> {
        let now = self.clock.now();
        let expires_at = presigned_until(now, valid)?;
        let unusable = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Invalid, "a time that no request can be signed for").caused_by(error)
        };
        // S3 counts whole seconds from a whole second on.
        let start = u64::try_from(now.as_second()).map_err(|error| unusable(error.into()))?;
        let seconds = expires_at.as_second().abs_diff(now.as_second());
        let config = PresigningConfig::builder()
            .start_time(SystemTime::UNIX_EPOCH + Duration::from_secs(start))
            .expires_in(Duration::from_secs(seconds))
            .build()
            .map_err(|error| unusable(error.into()))?;
        Ok((config, expires_at))
    }
}

fn presigned(request: &PresignedRequest, expires_at: Timestamp) -> Presigned {
    let headers = request.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Presigned {
        method: request.method().to_owned(),
        url: request.uri().to_owned(),
        headers: headers.collect(),
        expires_at,
    }
}
