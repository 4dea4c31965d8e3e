//! Bodies of requests, read within limits.

use axum::body::{Body, BodyDataStream};
use fettle_backend::problem::{Kind, Problem, Result};
use futures_util::StreamExt;
use std::time::Duration;

/// The longest wait for a request's body.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);

/// So much of a refused body is read all the same.
const DRAIN_BYTES: u64 = 1 << 30;

/// Reads a body, of that length if it is known, up to a limit.
pub(crate) async fn read_body(body: Body, known: Option<u64>, limit: u64) -> Result<Vec<u8>> {
    let too_large =
        || Problem::new(Kind::TooLarge, format!("the body is larger than the limit of {limit} bytes"));
    let mut stream = body.into_data_stream();
    if known.is_some_and(|length| length > limit) {
        drain(stream).await;
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(known.unwrap_or(0) as usize);
    let read = async {
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Problem::new(Kind::Malformed, "the body broke off"))?;
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(())
    };
    tokio::time::timeout(BODY_TIMEOUT, read)
        .await
        .unwrap_or_else(|_| Err(Problem::new(Kind::Malformed, "the body took longer than a minute")))?;
    Ok(bytes)
}

/// Reads a refused body to its end, within bounds, so that a client that sends all before it listens
/// hears why.
pub(crate) async fn drain(mut stream: BodyDataStream) {
    let read = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(chunk)) = stream.next().await {
            left = left.saturating_sub(chunk.len() as u64);
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(BODY_TIMEOUT, read).await;
}
