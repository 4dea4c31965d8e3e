//! A way to the emulator that can be made bad: it refuses, or loses answers.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out and answered.
    Answered,
    /// It is not carried out, and answered with status 400 and this JSON.
    Refused(&'static str),
    /// It is not carried out, and the connection ends.
    Dropped,
    /// It is carried out, and the connection ends before the answer.
    AnswerLost,
}

/// A proxy on a port of its own, until it is dropped.
pub struct Proxy {
    /// Its address, as an endpoint.
    pub endpoint: String,
    seen: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens, and lets a function of the operation (`PutItem`) and the number of requests of this
    /// operation or any other before it decide each request's fate.
    pub async fn to(address: String, fate: impl Fn(&str, usize) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (seen, fate, address) = (Arc::new(AtomicUsize::new(0)), Arc::new(fate), Arc::new(address));
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((connection, _)) = listener.accept().await {
                    let (seen, fate, address) = (Arc::clone(&seen), Arc::clone(&fate), Arc::clone(&address));
                    // An error is a connection that one of the sides has ended, which both can see.
                    tokio::spawn(async move { serve(connection, &address, &seen, &*fate).await });
                }
            }
        });
        Self { endpoint, seen, task }
    }

    /// How many requests came.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one request, and ends the connection.
async fn serve(
    connection: TcpStream,
    address: &str,
    seen: &AtomicUsize,
    fate: &(dyn Fn(&str, usize) -> Fate + Send + Sync),
) -> Result<()> {
    let mut connection = BufReader::new(connection);
    let (head, operation, length) = head(&mut connection).await?;
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    let fate = fate(&operation, seen.fetch_add(1, Ordering::SeqCst));
    match fate {
        Fate::Dropped => return Ok(()),
        Fate::Refused(body) => {
            let answer = format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            connection.write_all(answer.as_bytes()).await?;
        }
        Fate::Answered | Fate::AnswerLost => {
            let mut emulator = TcpStream::connect(address).await?;
            emulator.write_all(&[head.as_bytes(), &body].concat()).await?;
            let mut answer = Vec::new();
            emulator.read_to_end(&mut answer).await?;
            if fate == Fate::Answered {
                connection.write_all(&answer).await?;
            }
        }
    }
    connection.shutdown().await
}

/// A request's head, changed so that the connection ends with its answer; its operation; its body's
/// length.
async fn head(connection: &mut BufReader<TcpStream>) -> Result<(String, String, usize)> {
    let (mut head, mut operation, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await? == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "no request"));
        }
        if line == "\r\n" {
            head.push_str("connection: close\r\n\r\n");
            return Ok((head, operation, length));
        }
        if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(|_| ErrorKind::InvalidData)?,
                "x-amz-target" => operation = value.rsplit('.').next().unwrap_or_default().trim().to_owned(),
                "connection" => continue,
                _ => {}
            }
        }
        head.push_str(&line);
    }
}
