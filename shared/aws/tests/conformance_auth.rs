//! The auth port's suite by JWTs of an issuer on this machine, and what happens when it changes its keys
//! or is away.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fettle_aws::{OidcAuth, OidcSettings};
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::permission::Role;
use fettle_backend::ports::{Auth, Caller, ErrorKind, Result};
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key that an issuer signs with.
struct SigningKey {
    id: &'static str,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    fn new(id: &'static str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self { id, pair }
    }

    fn published(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "kid": self.id, "use": "sig", "x": base64(x), "y": base64(y) })
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": self.id });
        let message = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", base64(signature))
    }
}

/// What the issuer answers, and how often it was asked for its keys.
struct Answers {
    discovery: Value,
    keys: String,
    status: u16,
    asked: usize,
}

/// An issuer on this machine, as long as the test runs.
struct TestIssuer {
    url: String,
    answers: Arc<Mutex<Answers>>,
}

impl TestIssuer {
    fn new(keys: &[&SigningKey]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/realm", listener.local_addr().unwrap());
        let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        let answers = Answers { discovery, keys: String::new(), status: 200, asked: 0 };
        let issuer = Self { url, answers: Arc::new(Mutex::new(answers)) };
        issuer.publish(keys);
        let answers = Arc::clone(&issuer.answers);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                answer(connection, &answers);
            }
        });
        issuer
    }

    fn publish(&self, keys: &[&SigningKey]) {
        let mut published: Vec<_> = keys.iter().map(|key| key.published()).collect();
        // What other clients use is no concern of this one's.
        published.push(json!({ "kty": "EC", "crv": "secp256k1", "kid": "other", "x": "AA", "y": "AA" }));
        published.push(json!({ "kty": "oct", "kid": "shared", "k": "AAAA" }));
        published.push(json!("rubbish"));
        self.set(|answers| answers.keys = json!({ "keys": published }).to_string());
    }

    fn set(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn asked(&self) -> usize {
        self.answers.lock().unwrap().asked
    }

    fn settings(&self) -> OidcSettings {
        OidcSettings { allow_http: true, ..OidcSettings::new(&self.url, "fettle") }
    }

    fn auth(&self) -> OidcAuth {
        OidcAuth::new(self.settings(), Arc::new(OneKey)).unwrap()
    }

    fn claims(&self, now: Timestamp) -> Value {
        json!({ "iss": self.url, "aud": "fettle", "sub": "alice", "fettle_role": "editor",
                "iat": now.as_second(), "exp": now.as_second() + 36_000 })
    }
}

fn answer(connection: TcpStream, answers: &Mutex<Answers>) {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut header = String::new();
    while reader.read_line(&mut header).is_ok_and(|read| read > 2) {
        header.clear();
    }
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, body) = match line.as_str() {
        "GET /realm/.well-known/openid-configuration HTTP/1.1\r\n" => {
            (answers.status, answers.discovery.to_string())
        }
        "GET /realm/keys HTTP/1.1\r\n" => {
            answers.asked += 1;
            (answers.status, answers.keys.clone())
        }
        _ => (404, String::new()),
    };
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    // A client that has read enough may be gone.
    let _ = reader.get_mut().write_all((head + &body).as_bytes());
}

/// API keys beside the issuer's tokens: one is known.
struct OneKey;

#[async_trait]
impl Auth for OneKey {
    async fn authenticate(&self, token: &str, _now: Timestamp) -> Result<Option<Caller>> {
        assert!(token.starts_with("ftl_"), "only API keys are asked for here");
        Ok((token == "ftl_known").then(|| caller("key", Role::Admin)))
    }
}

fn caller(subject: &str, role: Role) -> Caller {
    Caller { workspace: "default".into(), subject: subject.into(), role }
}

#[allow(clippy::unnecessary_wraps, reason = "as the port answers")]
fn alice() -> Option<Caller> {
    Some(caller("alice", Role::Editor))
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn later(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

#[allow(clippy::unused_async, reason = "the suite takes a future")]
async fn open() -> ((Arc<dyn Auth>, String, Caller), TestIssuer) {
    let key = SigningKey::new("key-1");
    let issuer = TestIssuer::new(&[&key]);
    let token = key.sign(&issuer.claims(now()));
    ((Arc::new(issuer.auth()), token, caller("alice", Role::Editor)), issuer)
}

mod suite {
    fettle_backend::auth_suite!(super::open());
}

async fn refused(auth: &OidcAuth, token: &str, now: Timestamp) -> String {
    let error = auth.authenticate(token, now).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    error.to_string()
}

#[tokio::test]
async fn api_keys_are_known_beside_tokens() {
    let issuer = TestIssuer::new(&[]);
    let auth = issuer.auth();
    assert_eq!(auth.authenticate("ftl_known", now()).await.unwrap(), Some(caller("key", Role::Admin)));
    assert_eq!(auth.authenticate("ftl_other", now()).await.unwrap(), None);
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn a_token_is_good_for_its_time_by_the_caller_s_clock() {
    let key = SigningKey::new("key-1");
    let issuer = TestIssuer::new(&[&key]);
    let auth = issuer.auth();
    let long_ago = Timestamp::from_second(1_000_000_000).unwrap();
    let token = key.sign(&issuer.claims(long_ago));
    assert_eq!(auth.authenticate(&token, long_ago).await.unwrap(), alice());
    assert_eq!(auth.authenticate(&token, now()).await.unwrap(), None);
    let other = OidcSettings { audiences: vec!["other".into()], ..issuer.settings() };
    let other = OidcAuth::new(other, Arc::new(OneKey)).unwrap();
    assert_eq!(other.authenticate(&token, long_ago).await.unwrap(), None);
}

#[tokio::test]
async fn a_new_key_is_found_and_unknown_ones_do_not_make_the_issuer_be_asked_all_the_time() {
    let (old, new) = (SigningKey::new("key-1"), SigningKey::new("key-2"));
    let issuer = TestIssuer::new(&[&old]);
    let auth = issuer.auth();
    let (by_old, by_new) = (old.sign(&issuer.claims(now())), new.sign(&issuer.claims(now())));
    assert_eq!(auth.authenticate(&by_old, now()).await.unwrap(), alice());
    // Asked just now: a key that was not there then is unknown, until half a minute has passed.
    issuer.publish(&[&old, &new]);
    for _ in 0..10 {
        assert_eq!(auth.authenticate(&by_new, now()).await.unwrap(), None);
    }
    assert_eq!(issuer.asked(), 1);
    assert_eq!(auth.authenticate(&by_new, later(1)).await.unwrap(), alice());
    assert_eq!(issuer.asked(), 2);
    // A bad signature by a key that is known is no reason to ask.
    let forged = format!("{}.{}", by_old.rsplit_once('.').unwrap().0, by_new.rsplit_once('.').unwrap().1);
    assert_eq!(auth.authenticate(&forged, later(10)).await.unwrap(), None);
    assert_eq!(issuer.asked(), 2);
    // An hour later a key that was taken back is worth nothing.
    issuer.publish(&[&new]);
    assert_eq!(auth.authenticate(&by_old, later(59)).await.unwrap(), alice());
    assert_eq!(auth.authenticate(&by_old, later(62)).await.unwrap(), None);
    assert_eq!(auth.authenticate(&by_new, later(62)).await.unwrap(), alice());
    assert_eq!(issuer.asked(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_callers_at_once_ask_once() {
    let key = SigningKey::new("key-1");
    let issuer = TestIssuer::new(&[&key]);
    let auth = Arc::new(issuer.auth());
    let token = key.sign(&issuer.claims(now()));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (auth, token) = (Arc::clone(&auth), token.clone());
        callers.spawn(async move { auth.authenticate(&token, now()).await.unwrap() });
    }
    assert!(callers.join_all().await.into_iter().all(|caller| caller == alice()));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn an_issuer_that_is_away_lets_nobody_in_on_a_guess() {
    let (key, other) = (SigningKey::new("key-1"), SigningKey::new("key-2"));
    let issuer = TestIssuer::new(&[&key]);
    let auth = issuer.auth();
    let (token, unknown) = (key.sign(&issuer.claims(now())), other.sign(&issuer.claims(now())));
    issuer.set(|answers| answers.status = 503);
    refused(&auth, &token, now()).await;
    assert!(refused(&auth, &token, now()).await.contains("a moment ago"), "it is not asked at once again");
    issuer.set(|answers| answers.status = 200);
    assert_eq!(auth.authenticate(&token, later(1)).await.unwrap(), alice());

    // What was published holds while it is away, not for ever; of another key nothing can be told.
    issuer.set(|answers| answers.status = 500);
    assert_eq!(auth.authenticate(&token, later(90)).await.unwrap(), alice());
    refused(&auth, &unknown, later(92)).await;
    assert_eq!(auth.authenticate(&token, later(230)).await.unwrap(), alice());
    refused(&auth, &token, later(250)).await;
    issuer.set(|answers| answers.status = 200);
    assert_eq!(auth.authenticate(&token, later(251)).await.unwrap(), alice());
}

#[tokio::test]
async fn what_an_issuer_should_not_answer_is_not_taken() {
    let key = SigningKey::new("key-1");
    let issuer = TestIssuer::new(&[&key]);
    let token = key.sign(&issuer.claims(now()));
    let good = json!({ "issuer": issuer.url, "jwks_uri": format!("{}/keys", issuer.url) });
    for (discovery, said) in [
        (json!({ "issuer": "https://other.test", "jwks_uri": good["jwks_uri"] }), "is configured"),
        (json!({ "issuer": issuer.url, "jwks_uri": "file:///etc/passwd" }), "without TLS"),
        (json!({ "issuer": issuer.url, "jwks_uri": format!("{}/nothing", issuer.url) }), "404"),
        (json!({ "issuer": issuer.url }), "not what it should be"),
        (json!("x".repeat(600_000)), "ends early"),
    ] {
        issuer.set(|answers| answers.discovery = discovery.clone());
        let why = refused(&issuer.auth(), &token, now()).await;
        assert!(why.contains(said), "{why}");
    }
    issuer.set(|answers| {
        answers.discovery = good;
        answers.keys = "{\"keys\": 7}".to_owned();
    });
    refused(&issuer.auth(), &token, now()).await;
    issuer.publish(&[]);
    assert_eq!(issuer.auth().authenticate(&token, now()).await.unwrap(), None, "it has no such key");
}

#[tokio::test]
async fn an_issuer_that_is_silent_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let key = SigningKey::new("key-1");
    let settings = OidcSettings { allow_http: true, ..OidcSettings::new(&url, "fettle") };
    let auth = OidcAuth::new(settings, Arc::new(OneKey)).unwrap();
    let token = key.sign(&json!({ "iss": url, "aud": "fettle", "sub": "a", "fettle_role": "admin" }));
    let begun = std::time::Instant::now();
    refused(&auth, &token, now()).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "after {:?}", begun.elapsed());
}

#[test]
fn settings_that_can_not_be_used_are_refused() {
    let good = OidcSettings::new("https://issuer.test/realm", "fettle");
    let of = |settings: OidcSettings| OidcAuth::new(settings, Arc::new(OneKey)).map(drop);
    of(good.clone()).unwrap();
    of(OidcSettings { allow_http: true, ..OidcSettings::new("http://issuer.test", "fettle") }).unwrap();
    for wrong in [
        OidcSettings::new("http://issuer.test", "fettle"),
        OidcSettings::new("issuer.test", "fettle"),
        OidcSettings::new("", "fettle"),
        OidcSettings::new("https://", "fettle"),
        OidcSettings::new("https://issuer.test?a=b", "fettle"),
        OidcSettings::new("ftp://issuer.test", "fettle"),
        OidcSettings::new("https://issuer.test", ""),
        OidcSettings { audiences: Vec::new(), ..good.clone() },
        OidcSettings { role_claim: String::new(), ..good.clone() },
        OidcSettings { workspace_claim: Some(String::new()), ..good.clone() },
    ] {
        assert_eq!(of(wrong.clone()).unwrap_err().kind(), ErrorKind::Invalid, "{wrong:?}");
    }
}
