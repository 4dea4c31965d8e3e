//! Files that are no tables: each says what is wrong, where, and what to do.

use crate::client::{Client, Platform};
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write as _;

#[track_caller]
fn fails(client: &Client, name: &str, file: &[u8], code: &str, said: &[&str]) {
    let dataset = client.push(name, file);
    assert_eq!(dataset["status"], "failed", "{name}: {dataset}");
    let error = &dataset["error"];
    assert_eq!(error["type"], format!("urn:fettle:problem:{code}"), "{name}: {error}");
    assert!(error["remedy"].is_string(), "{name}: {error}");
    for words in said {
        assert!(error.to_string().contains(words), "{name}: `{words}` in {error}");
    }
    client.post("/v1/runs", &json!({"dataset": name, "target": "a"})).problem(409, "wrong-state", &[name]);
}

#[test]
fn a_file_that_is_no_table_is_refused_with_its_reason() {
    let platform = Platform::new();
    let client = platform.client();
    let wide: String = (0..3000).fold(String::new(), |mut text, n| {
        let _ = write!(text, "{}c{n}", if n == 0 { "" } else { "," });
        text
    });
    let wide = format!("{wide}\n{}\n", vec!["1"; 3000].join(","));
    let rubbish: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fails(&client, "empty", b"", "empty", &[]);
    fails(&client, "header", b"a,b,c\n", "no-rows", &[]);
    fails(&client, "ragged", b"a,b\n1,2\n3\n4,5\n", "ragged", &["\"row\":2"]);
    fails(&client, "twins", b"a,b,a\n1,2,3\n", "duplicate-column", &["\"column\":\"a\""]);
    fails(&client, "wide", wide.as_bytes(), "too-many-columns", &["2000"]);
    fails(&client, "rubbish", &rubbish, "not-text", &[]);
}

#[test]
fn text_in_another_encoding_is_read() {
    let platform = Platform::new();
    let client = platform.client();
    let latin = b"city,n\nZ\xfcrich,1\nGen\xe8ve,2\n";
    let dataset = client.push("latin", latin);
    assert_eq!(dataset["status"], "ready", "{dataset}");
    let preview = client.get("/v1/datasets/latin/preview").json(200);
    assert_eq!(preview["rows"][0]["city"], "Zürich");
}

#[test]
fn a_bomb_of_a_gzip_is_stopped_at_the_limit() {
    let platform = Platform::with(&[("FETTLE_MAX_TABLE_BYTES", "10000000")]);
    let client = platform.client();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(b"a,b\n").unwrap();
    for _ in 0..200 {
        gzip.write_all("1,2\n".repeat(250_000).as_bytes()).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 1_000_000, "200 MB in {}", bomb.len());
    fails(&client, "bomb", &bomb, "too-large", &["10000000"]);
}

#[test]
fn an_upload_over_the_limit_leaves_nothing_and_may_be_repeated() {
    let platform = Platform::with(&[("FETTLE_MAX_UPLOAD_BYTES", "1000000")]);
    let client = platform.client();
    let made = client.post("/v1/datasets", &json!({"name": "big"})).json(201);
    let url = made["upload"]["url"].as_str().unwrap();
    let anybody = client.with_key(None);
    anybody.send("PUT", url, &[], &vec![b'x'; 20_000_000]).problem(413, "too-large", &["1000000"]);
    assert_eq!(client.get("/v1/datasets/big").json(200)["status"], "awaiting_upload");
    assert_eq!(anybody.send("PUT", url, &[], b"a,b\n1,2\n").status, 200);
    assert_eq!(client.ingested("big")["status"], "ready");
    anybody.send("PUT", &url.replace("max=1000000", "max=9000000"), &[], b"a").problem(403, "forbidden", &[]);
}

#[test]
fn bodies_over_the_limit_are_refused() {
    let platform = Platform::new();
    let client = platform.client();
    let five = vec![b'1'; 5 * 1024 * 1024 + 1];
    client.send("POST", "/v1/datasets?name=big", &[("content-type", "text/csv")], &five).problem(
        413,
        "too-large",
        &[],
    );
    let seven = vec![b' '; 7 * 1024 * 1024];
    client.send("POST", "/v1/runs", &[], &seven).problem(413, "too-large", &[]);
    client.get("/v1/datasets/big").problem(404, "not-found", &[]);
}
