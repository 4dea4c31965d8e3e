//! What every storage holds to.

use super::refused;
use crate::clock::{Clock, SystemClock};
use crate::ports::{ByteStream, ErrorKind, Object, Storage, UploadTerms};
use jiff::SignedDuration;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::task::JoinSet;

/// One test a property, for an expression whose future gives `(Arc<dyn Storage>, _)`.
#[macro_export]
macro_rules! storage_suite {
    ($fixture:expr) => {
        $crate::conformance_tests!(
            storage,
            $fixture,
            [
                what_is_missing_is_not_found,
                an_object_is_read_as_it_was_written,
                a_range_is_so_many_bytes_from_there,
                a_write_takes_the_place_of_the_one_before,
                an_object_is_created_once,
                of_twenty_creators_one_wins,
                hostile_keys_are_refused,
                every_legal_key_is_an_object_of_its_own,
                a_stream_is_stored,
                a_stream_over_its_limit_leaves_nothing,
                a_stream_that_fails_leaves_nothing,
                an_object_is_read_from_any_byte_on,
                large_and_empty_objects_are_whole,
                a_reader_sees_one_write_or_the_other,
                a_removed_object_is_gone,
                a_listing_is_ordered_by_bytes,
                pages_make_up_the_listing,
                limits_have_bounds,
                presigned_requests_name_one_object_and_end,
                presigned_uploads_have_terms,
            ]
        );
    };
}

type Port = Arc<dyn Storage>;

/// A stream that comes in these parts, and may fail between them.
struct Parts(VecDeque<io::Result<Vec<u8>>>);

impl AsyncRead for Parts {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0.pop_front() {
            Some(Ok(mut part)) => {
                let rest = part.split_off(part.len().min(buffer.remaining()));
                buffer.put_slice(&part);
                if !rest.is_empty() {
                    self.0.push_front(Ok(rest));
                }
                Poll::Ready(Ok(()))
            }
            Some(Err(error)) => Poll::Ready(Err(error)),
            None => Poll::Ready(Ok(())),
        }
    }
}

fn stream(parts: impl IntoIterator<Item = io::Result<Vec<u8>>>) -> ByteStream {
    Box::pin(Parts(parts.into_iter().collect()))
}

/// Bytes that differ from place to place.
fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|index| (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

async fn read_from(storage: &Port, key: &str, from: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    storage.get_stream(key, from).await.unwrap().read_to_end(&mut bytes).await.unwrap();
    bytes
}

async fn keys(storage: &Port, prefix: &str, limit: usize) -> Vec<String> {
    let mut keys = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..10_000 {
        let page = storage.list(prefix, after.as_deref(), limit).await.unwrap();
        assert!(page.objects.len() <= limit);
        keys.extend(page.objects.into_iter().map(|object| object.key));
        match page.next {
            Some(next) => after = Some(next),
            None => return keys,
        }
    }
    panic!("the listing does not end");
}

async fn expect_nothing(storage: &Port, key: &str) {
    refused(storage.get(key).await, ErrorKind::NotFound);
    refused(storage.head(key).await, ErrorKind::NotFound);
    refused(storage.get_stream(key, 0).await.map(drop), ErrorKind::NotFound);
    assert_eq!(keys(storage, key, 1_000).await, Vec::<String>::new());
}

pub async fn what_is_missing_is_not_found(storage: Port, ns: &str) {
    expect_nothing(&storage, &format!("{ns}/none")).await;
    expect_nothing(&storage, ns).await;
    storage.delete(&format!("{ns}/none")).await.unwrap();
}

pub async fn a_range_is_so_many_bytes_from_there(storage: Port, ns: &str) {
    let key = format!("{ns}/range");
    let bytes: Vec<u8> = (0..=255).collect();
    storage.put(&key, &bytes).await.unwrap();
    for (from, length) in [(0, 1), (0, 256), (0, 1_000), (255, 1), (250, 100), (17, 0), (256, 10), (1_000, 1)]
    {
        let expected: Vec<u8> = bytes.iter().copied().skip(from).take(length).collect();
        let read = storage.get_range(&key, from as u64, length as u64).await.unwrap();
        assert_eq!(read, expected, "{length} bytes from {from}");
    }
    refused(storage.get_range(&format!("{ns}/none"), 0, 10).await, ErrorKind::NotFound);
}

pub async fn an_object_is_read_as_it_was_written(storage: Port, ns: &str) {
    let key = format!("{ns}/a/b.bin");
    let bytes: Vec<u8> = (0..=255).collect();
    storage.put(&key, &bytes).await.unwrap();
    assert_eq!(storage.get(&key).await.unwrap(), bytes);
    assert_eq!(storage.head(&key).await.unwrap(), Object { key: key.clone(), bytes: 256 });
    assert_eq!(read_from(&storage, &key, 0).await, bytes);
    let page = storage.list(ns, None, 10).await.unwrap();
    assert_eq!((page.objects, page.next), (vec![Object { key, bytes: 256 }], None));
}

pub async fn a_write_takes_the_place_of_the_one_before(storage: Port, ns: &str) {
    let key = format!("{ns}/a");
    for bytes in [&b"a long first text"[..], b"short", b"", b"again"] {
        storage.put(&key, bytes).await.unwrap();
        assert_eq!(storage.get(&key).await.unwrap(), bytes);
        assert_eq!(storage.head(&key).await.unwrap().bytes, bytes.len() as u64);
    }
    storage.put_stream(&key, stream([Ok(b"streamed".to_vec())]), 100).await.unwrap();
    assert_eq!(storage.get(&key).await.unwrap(), b"streamed");
}

pub async fn an_object_is_created_once(storage: Port, ns: &str) {
    let key = format!("{ns}/a");
    storage.create(&key, b"first").await.unwrap();
    refused(storage.create(&key, b"second").await, ErrorKind::Conflict { at: 0 });
    assert_eq!(storage.get(&key).await.unwrap(), b"first");
    storage.delete(&key).await.unwrap();
    storage.create(&key, b"third").await.unwrap();
    assert_eq!(storage.get(&key).await.unwrap(), b"third");
}

pub async fn of_twenty_creators_one_wins(storage: Port, ns: &str) {
    let key = format!("{ns}/a");
    let mut racers = JoinSet::new();
    for racer in 0..20_u8 {
        let (storage, key) = (Arc::clone(&storage), key.clone());
        racers.spawn(async move { (racer, storage.create(&key, &[racer; 1_000]).await) });
    }
    let mut winners = Vec::new();
    for (racer, result) in racers.join_all().await {
        match result {
            Ok(()) => winners.push(racer),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict { at: 0 }, "{error}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(storage.get(&key).await.unwrap(), [winners[0]; 1_000]);
}

pub async fn hostile_keys_are_refused(storage: Port, ns: &str) {
    let endings = [
        "/",
        "//a",
        "/.",
        "/..",
        "/./a",
        "/../a",
        "/../../../../tmp/a",
        "/a/../b",
        "\\..\\a",
        "/a b",
        "/a\0b",
        "/é",
        "/a\nb",
        "/%2e%2e/a",
        "/a?b",
        "/a#b",
        "/a:b",
        "/~a",
        "/a+",
        "/a=",
        "/@a",
        "/*",
        "/a'b",
    ];
    let long = "a".repeat(513);
    let whole = ["", "/", ".", "..", "/etc/passwd", "../a", "./a", &long];
    let hostile = endings.iter().map(|ending| format!("{ns}{ending}")).chain(whole.map(String::from));
    for key in hostile {
        refused(storage.put(&key, b"x").await, ErrorKind::Invalid);
        refused(storage.create(&key, b"x").await, ErrorKind::Invalid);
        refused(storage.put_stream(&key, stream([Ok(b"x".to_vec())]), 10).await, ErrorKind::Invalid);
        refused(storage.get(&key).await, ErrorKind::Invalid);
        refused(storage.get_stream(&key, 0).await.map(drop), ErrorKind::Invalid);
        refused(storage.head(&key).await, ErrorKind::Invalid);
        refused(storage.delete(&key).await, ErrorKind::Invalid);
        let valid = SignedDuration::from_mins(1);
        refused(storage.presign_upload(&key, &UploadTerms::at_most(10), valid).await, ErrorKind::Invalid);
        refused(storage.presign_download(&key, "x", valid).await, ErrorKind::Invalid);
    }
    assert_eq!(keys(&storage, ns, 1_000).await, Vec::<String>::new());
}

pub async fn every_legal_key_is_an_object_of_its_own(storage: Port, ns: &str) {
    let long = |part: &str| format!("{ns}/{}", part.repeat(512))[..512].to_owned();
    let mut all: Vec<String> = [
        "a", "A", "a/b", "a/b/c", "A/b", "a/B", "a.b", "a-b", "a_b", "...", "-", "_", "0", "a.", ".a",
        "a/.tmp", "aA",
    ]
    .map(|key| format!("{ns}/{key}"))
    .to_vec();
    all.extend([long("x"), long("X"), long("x/"), long("x")[..400].to_owned(), long("x")[..250].to_owned()]);
    all.retain(|key| !key.ends_with('/'));
    for key in &all {
        storage.create(key, key.as_bytes()).await.unwrap();
    }
    for key in &all {
        assert_eq!(storage.get(key).await.unwrap(), key.as_bytes());
    }
    all.sort();
    assert_eq!(keys(&storage, ns, 3).await, all);
    for key in &all {
        storage.delete(key).await.unwrap();
        refused(storage.get(key).await, ErrorKind::NotFound);
    }
    assert_eq!(keys(&storage, ns, 1_000).await, Vec::<String>::new());
}

pub async fn a_stream_is_stored(storage: Port, ns: &str) {
    let key = format!("{ns}/a");
    let bytes = pattern(300_000);
    let parts = bytes.chunks(77_777).map(|part| Ok(part.to_vec()));
    let object = storage.put_stream(&key, stream(parts), 300_000).await.unwrap();
    assert_eq!(object, Object { key: key.clone(), bytes: 300_000 });
    assert_eq!(storage.get(&key).await.unwrap(), bytes);
    let empty = format!("{ns}/empty");
    assert_eq!(storage.put_stream(&empty, stream([]), 0).await.unwrap().bytes, 0);
    assert_eq!(storage.get(&empty).await.unwrap(), b"");
}

pub async fn a_stream_over_its_limit_leaves_nothing(storage: Port, ns: &str) {
    let (new, old) = (format!("{ns}/new"), format!("{ns}/old"));
    storage.put(&old, b"old").await.unwrap();
    for bytes in [1_001, 100_000, 9_000_000] {
        let parts =
            || stream(pattern(bytes).chunks(1 << 20).map(|part| Ok(part.to_vec())).collect::<Vec<_>>());
        refused(storage.put_stream(&new, parts(), 1_000).await, ErrorKind::TooLarge);
        refused(storage.put_stream(&old, parts(), 1_000).await, ErrorKind::TooLarge);
    }
    expect_nothing(&storage, &new).await;
    assert_eq!(storage.get(&old).await.unwrap(), b"old");
    storage.put_stream(&new, stream([Ok(pattern(1_000))]), 1_000).await.unwrap();
    assert_eq!(storage.head(&new).await.unwrap().bytes, 1_000);
}

pub async fn a_stream_that_fails_leaves_nothing(storage: Port, ns: &str) {
    let (new, old) = (format!("{ns}/new"), format!("{ns}/old"));
    storage.put(&old, b"old").await.unwrap();
    for bytes in [0, 10, 9_000_000] {
        let parts = || {
            stream(
                [Ok(pattern(bytes)), Err(io::ErrorKind::ConnectionReset.into())]
                    .into_iter()
                    .skip(usize::from(bytes == 0)),
            )
        };
        for key in [&new, &old] {
            assert!(storage.put_stream(key, parts(), u64::MAX).await.is_err());
        }
    }
    expect_nothing(&storage, &new).await;
    assert_eq!(storage.get(&old).await.unwrap(), b"old");
}

pub async fn an_object_is_read_from_any_byte_on(storage: Port, ns: &str) {
    let key = format!("{ns}/a");
    let bytes = pattern(100_000);
    storage.put(&key, &bytes).await.unwrap();
    for from in [0, 1, 65_535, 65_536, 99_999] {
        assert!(read_from(&storage, &key, from).await == bytes[from as usize..], "from byte {from}");
    }
    for from in [100_000, 100_001, u64::from(u32::MAX), u64::MAX] {
        assert_eq!(read_from(&storage, &key, from).await, b"");
    }
    storage.put(&key, b"").await.unwrap();
    assert_eq!(read_from(&storage, &key, 0).await, b"");
}

pub async fn large_and_empty_objects_are_whole(storage: Port, ns: &str) {
    let (put, streamed, empty) = (format!("{ns}/put"), format!("{ns}/streamed"), format!("{ns}/empty"));
    let bytes = pattern(20_000_000);
    storage.put(&put, &bytes).await.unwrap();
    let parts: Vec<_> = bytes.chunks(1_000_003).map(|part| Ok(part.to_vec())).collect();
    storage.put_stream(&streamed, stream(parts), u64::MAX).await.unwrap();
    storage.put(&empty, b"").await.unwrap();
    for key in [&put, &streamed] {
        assert_eq!(storage.head(key).await.unwrap().bytes, 20_000_000);
        assert!(storage.get(key).await.unwrap() == bytes, "{key} was changed");
        assert!(read_from(&storage, key, 19_999_990).await == bytes[19_999_990..], "{key} was changed");
    }
    assert_eq!(storage.get(&empty).await.unwrap(), b"");
    assert_eq!(storage.head(&empty).await.unwrap().bytes, 0);
}

pub async fn a_reader_sees_one_write_or_the_other(storage: Port, ns: &str) {
    let key = format!("{ns}/a");
    storage.put(&key, &vec![0; 200_000]).await.unwrap();
    let writer = {
        let (storage, key) = (Arc::clone(&storage), key.clone());
        tokio::spawn(async move {
            for fill in 1..=20_u8 {
                storage.put(&key, &vec![fill; 200_000 + usize::from(fill)]).await.unwrap();
            }
        })
    };
    while !writer.is_finished() {
        for bytes in [storage.get(&key).await.unwrap(), read_from(&storage, &key, 0).await] {
            assert_eq!(bytes.len(), 200_000 + usize::from(bytes[0]));
            assert!(bytes.iter().all(|&byte| byte == bytes[0]), "two writes are mixed");
        }
    }
    writer.await.unwrap();
}

pub async fn a_removed_object_is_gone(storage: Port, ns: &str) {
    let (key, beside) = (format!("{ns}/folder/a"), format!("{ns}/folder/b"));
    storage.put(&key, b"x").await.unwrap();
    storage.put(&beside, b"y").await.unwrap();
    for _ in 0..2 {
        storage.delete(&key).await.unwrap();
        expect_nothing(&storage, &key).await;
    }
    // What is above or beside an object is none itself, and stays.
    storage.delete(&format!("{ns}/folder")).await.unwrap();
    assert_eq!(storage.get(&beside).await.unwrap(), b"y");
}

pub async fn a_listing_is_ordered_by_bytes(storage: Port, ns: &str) {
    let mut all: Vec<String> = [
        "a", "a-b", "a.b", "a/b", "a/B", "a/b/c", "a0", "aB", "a_", "ab", "B", "b/a", "b-/a", "b./a", "b0",
        "10", "9", "A/z", "Ab", "a-/x",
    ]
    .map(|key| format!("{ns}/{key}"))
    .to_vec();
    for key in &all {
        storage.put(key, b"x").await.unwrap();
    }
    all.sort();
    for prefix in ["", "/", "/a", "/a/", "/a/b", "/a/b/", "/A", "/b", "/b/", "/zz", "/a/b/c", "/a/b/cd"] {
        let prefix = format!("{ns}{prefix}");
        let expected: Vec<String> = all.iter().filter(|key| key.starts_with(&prefix)).cloned().collect();
        assert_eq!(keys(&storage, &prefix, 1_000).await, expected, "{prefix}");
        assert_eq!(keys(&storage, &prefix, 1).await, expected, "{prefix}");
    }
    for after in ["/", "/a", "/a-b", "/a/", "/a/b", "/a/bb", "/a0", "/aa", "/zz"] {
        let after = format!("{ns}{after}");
        let page = storage.list(ns, Some(&after), 1_000).await.unwrap();
        let found: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
        let expected: Vec<String> = all.iter().filter(|&key| *key > after).cloned().collect();
        assert_eq!(found, expected, "{after}");
    }
}

pub async fn pages_make_up_the_listing(storage: Port, ns: &str) {
    let all: Vec<String> = (0..120).map(|index| format!("{ns}/{}/{:03}", index / 50, index)).collect();
    for key in &all {
        storage.put(key, key.as_bytes()).await.unwrap();
    }
    for limit in [7, 60, 119, 120, 121, 1_000] {
        assert_eq!(keys(&storage, ns, limit).await, all);
        assert_eq!(keys(&storage, &format!("{ns}/1/"), limit).await, all[50..100]);
    }
}

pub async fn limits_have_bounds(storage: Port, ns: &str) {
    for limit in [0, 1_001, usize::MAX] {
        refused(storage.list(ns, None, limit).await, ErrorKind::Invalid);
    }
}

pub async fn presigned_requests_name_one_object_and_end(storage: Port, ns: &str) {
    let valid = SignedDuration::from_mins(15);
    let expected = SystemClock.now() + valid;
    let [one, other] = [format!("{ns}/one"), format!("{ns}/other")];
    let terms = UploadTerms::at_most(1_000);
    let upload = storage.presign_upload(&one, &terms, valid).await.unwrap();
    let download = storage.presign_download(&one, "a \"name\"; with\r\nmarks é.csv", valid).await.unwrap();
    let elsewhere = storage.presign_upload(&other, &terms, valid).await.unwrap();
    assert_eq!((upload.method.as_str(), download.method.as_str()), ("PUT", "GET"));
    for presigned in [&upload, &download, &elsewhere] {
        assert!(presigned.url.starts_with("http"), "{}", presigned.url);
        assert!(presigned.url.bytes().all(|byte| byte.is_ascii_graphic()), "{}", presigned.url);
        let early = expected.duration_since(presigned.expires_at);
        assert!(early.abs() < SignedDuration::from_secs(10), "{presigned:?}");
    }
    assert!(upload.url.contains(&one) && elsewhere.url.contains(&other), "{}", upload.url);
    // Neither request is the other with another name in it.
    assert_ne!(upload.url.replace(&one, &other), elsewhere.url);
    assert_ne!(upload.url, download.url);
}

pub async fn presigned_uploads_have_terms(storage: Port, ns: &str) {
    let (key, valid) = (format!("{ns}/a"), SignedDuration::from_mins(15));
    let sha256 = |byte: &str| Some(byte.repeat(32));
    let any = UploadTerms::at_most(1_000);
    let possible = [
        any.clone(),
        UploadTerms { bytes: Some(0), ..any.clone() },
        UploadTerms { bytes: Some(1_000), ..any.clone() },
        UploadTerms { sha256: sha256("0f"), ..any.clone() },
        UploadTerms { sha256: sha256("f0"), ..any.clone() },
        UploadTerms { bytes: Some(1_000), sha256: sha256("0f"), ..any.clone() },
    ];
    let mut requests = BTreeSet::new();
    for terms in &possible {
        let upload = storage.presign_upload(&key, terms, valid).await.unwrap();
        assert_eq!(upload.method, "PUT");
        // Whatever a holder has to send is in the request's headers; the rest the address says.
        assert!(requests.insert((upload.url, upload.headers)), "{terms:?} are the terms of another request");
    }
    let too_large = UploadTerms { bytes: Some(1_001), ..any.clone() };
    refused(storage.presign_upload(&key, &too_large, valid).await, ErrorKind::TooLarge);
    for sha256 in [String::new(), "0f".repeat(31), "0F".repeat(32), "0g".repeat(32)] {
        let terms = UploadTerms { sha256: Some(sha256), ..any.clone() };
        refused(storage.presign_upload(&key, &terms, valid).await, ErrorKind::Invalid);
    }
    for valid in [SignedDuration::ZERO, -valid, SignedDuration::from_hours(24 * 8)] {
        refused(storage.presign_upload(&key, &any, valid).await, ErrorKind::Invalid);
        refused(storage.presign_download(&key, "a", valid).await, ErrorKind::Invalid);
    }
}
