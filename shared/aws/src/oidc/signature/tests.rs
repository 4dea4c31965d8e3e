use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair,
};
use serde_json::json;

/// Signed once by another library, with a private key that nobody has any more.
const RSA: &str = include_str!("rsa.json");

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key(key: &Value) -> Jwk {
    serde_json::from_value(key.clone()).unwrap()
}

fn verified(keys: &[Jwk], token: &str) -> Option<Value> {
    install();
    verify(keys, token, &header(token)?).map(Value::Object)
}

/// The RSA key, and a token by each of its algorithms.
fn rsa() -> (Value, Vec<(String, String)>) {
    let fixture: Value = serde_json::from_str(RSA).unwrap();
    let tokens = fixture["tokens"].as_array().unwrap().iter().map(|token| {
        let [head, payload] =
            [&token["header"], &fixture["payload"]].map(|part| base64(part.as_str().unwrap()));
        let signature = token["signature"].as_str().unwrap();
        (token["header"].as_str().unwrap().to_owned(), format!("{head}.{payload}.{signature}"))
    });
    let tokens = tokens.collect();
    (fixture["jwk"].clone(), tokens)
}

#[test]
fn rsa_signatures_of_every_kind_verify() {
    let (jwk, tokens) = rsa();
    assert_eq!(tokens.len(), 6);
    for (header, token) in tokens {
        assert_eq!(verified(&[key(&jwk)], &token), Some(json!({ "sub": "alice" })), "{header}");
        let algorithm = serde_json::from_str::<Value>(&header).unwrap()["alg"].clone();
        let mut only = jwk.clone();
        only["alg"] = algorithm;
        assert!(verified(&[key(&only)], &token).is_some(), "{header}");
        for (name, value) in [
            ("alg", "RS1"),
            ("alg", "RSA-OAEP"),
            ("use", "enc"),
            ("kid", "rsa-2"),
            ("e", "Aw"),
            ("n", "AQAB"),
        ] {
            let mut other = jwk.clone();
            other[name] = json!(value);
            assert_eq!(verified(&[key(&other)], &token), None, "{header} by a key with {name} {value}");
        }
        let mut padded = jwk.clone();
        let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
        padded["n"] = json!(base64([&[0], &modulus[..]].concat()));
        assert!(verified(&[key(&padded)], &token).is_some(), "{header}");
    }
}

#[test]
fn a_signature_holds_for_its_token_alone() {
    let (jwk, tokens) = rsa();
    let keys = [key(&jwk)];
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    for (index, (_, token)) in tokens.iter().enumerate() {
        let [head, payload, signature] = &parts(token)[..] else { panic!("a JWT has three parts") };
        let (_, other) = &tokens[(index + 1) % tokens.len()];
        let other = parts(other);
        for wrong in [
            format!("{head}.{}.{signature}", base64(r#"{"sub":"mallory"}"#)),
            format!("{}.{payload}.{signature}", other[0]),
            format!("{head}.{payload}.{}", other[2]),
            format!("{head}.{payload}."),
            format!("{head}.{payload}"),
            format!("{token}.{signature}"),
        ] {
            assert_eq!(verified(&keys, &wrong), None, "{wrong}");
        }
    }
}

#[test]
fn nothing_but_a_public_key_s_algorithm_is_taken() {
    let (jwk, _) = rsa();
    let modulus = jwk["n"].as_str().unwrap();
    let secret = json!({ "kty": "oct", "kid": "rsa-1", "k": modulus });
    let payload = base64(r#"{"sub":"mallory"}"#);
    for algorithm in ["none", "None", "", "HS256", "HS384", "HS512", "ES512", "dir", "RSA1_5"] {
        let head = base64(json!({ "alg": algorithm, "kid": "rsa-1" }).to_string());
        for signature in ["", modulus] {
            let token = format!("{head}.{payload}.{signature}");
            assert!(header(&token).is_none(), "{algorithm}");
            assert_eq!(verified(&[key(&jwk), key(&secret)], &token), None, "{algorithm}");
        }
    }
    let critical = base64(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#);
    assert!(header(&format!("{critical}.{payload}.AAAA")).is_none());
    // A key in the header is nobody's key.
    let own = base64(json!({ "alg": "RS256", "jwk": jwk }).to_string());
    assert_eq!(verified(&[], &format!("{own}.{payload}.AAAA")), None);
}

fn ecdsa(how: &'static EcdsaSigningAlgorithm, algorithm: &str, curve: &str) -> (Value, String) {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(how, document.as_ref(), &random).unwrap();
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    let jwk = json!({ "kty": "EC", "crv": curve, "x": base64(x), "y": base64(y) });
    let message = format!("{}.{}", base64(json!({ "alg": algorithm }).to_string()), base64("{}"));
    let signature = pair.sign(&random, message.as_bytes()).unwrap();
    (jwk, format!("{message}.{}", base64(signature)))
}

#[test]
fn ecdsa_and_eddsa_signatures_verify_by_their_own_key() {
    let (p256, es256) = ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, "ES256", "P-256");
    let (p384, es384) = ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384", "P-384");
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key()) });
    let message = format!("{}.{}", base64(r#"{"alg":"EdDSA"}"#), base64("{}"));
    let eddsa = format!("{message}.{}", base64(pair.sign(message.as_bytes())));

    let keys = [key(&rsa().0), key(&p256), key(&p384), key(&ed)];
    for (number, token) in [(1, &es256), (2, &es384), (3, &eddsa)] {
        assert_eq!(verified(&keys, token), Some(json!({})), "a token without a key's name may be by any");
        assert!(verified(&keys[number..=number], token).is_some());
        let mut others = keys.to_vec();
        others.remove(number);
        assert_eq!(verified(&others, token), None);
        let (rest, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[7] ^= 1;
        assert_eq!(verified(&keys, &format!("{rest}.{}", base64(bytes))), None);
    }
}

#[test]
fn a_key_is_named_by_its_id() {
    let keys = [key(&rsa().0)];
    let header = |kid: Option<&str>| Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
    assert!(is_named(&keys, &header(Some("rsa-1"))));
    assert!(!is_named(&keys, &header(Some("rsa-2"))) && !is_named(&keys, &header(None)));
}
