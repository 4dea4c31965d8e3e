//! The emulator that the tests run against: LocalStack at `AWS_ENDPOINT_URL`, else on this machine.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unreachable_pub, reason = "what is for all tests is public, as in a library")]

pub mod memory;
pub mod proxy;

use fettle_aws::Clients;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

const ON_THIS_MACHINE: &str = "http://127.0.0.1:4566";

/// The emulator's address.
#[allow(clippy::disallowed_methods, reason = "a test has no configuration of its own")]
pub fn endpoint() -> String {
    std::env::var("AWS_ENDPOINT_URL").unwrap_or_else(|_| ON_THIS_MACHINE.to_owned())
}

/// Host and port of the emulator.
pub fn address() -> String {
    let endpoint = endpoint();
    let authority = endpoint
        .strip_prefix("http://")
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_else(|| panic!("AWS_ENDPOINT_URL is {endpoint}: the tests take http://HOST:PORT"));
    if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") }
}

/// Clients of the emulator. Panics when nobody answers there: a test without it proves nothing.
pub async fn clients() -> Clients {
    let address = address();
    let connected = timeout(Duration::from_secs(5), TcpStream::connect(&address)).await;
    match connected.unwrap_or_else(|late| Err(late.into())) {
        Ok(_) => Clients::at(&endpoint()).await,
        Err(error) => panic!("{}", missing(&address, &error)),
    }
}

fn missing(address: &str, why: &std::io::Error) -> String {
    format!(
        "these tests need LocalStack (s3, sqs, dynamodb, secretsmanager, sns) at {address}, and there is \
         none: {why}. Start it (`docker run -p 4566:4566 localstack/localstack`) or set AWS_ENDPOINT_URL"
    )
}
