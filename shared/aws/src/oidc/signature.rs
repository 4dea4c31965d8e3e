//! Signatures of JWTs: `jsonwebtoken` reads the token, ring verifies.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Header, Validation};
use ring::signature as with;
use ring::signature::{RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::{Map, Value};

/// What is taken: signatures by a key of which the public half is enough to verify.
const ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |&algorithm, key| Ok(Box::new(ByRing::new(algorithm, key)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes ring the process's way to verify JWTs. A second time does nothing.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

/// The header of a token, if it is a JWT that may be good.
pub(super) fn header(token: &str) -> Option<Header> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    // A critical extension has to be understood, and none is.
    (ALGORITHMS.contains(&header.alg) && header.crit.is_none()).then_some(header)
}

/// Whether the token names one of these keys. One that names none may be by any.
pub(super) fn is_named(keys: &[Jwk], header: &Header) -> bool {
    header.kid.is_some() && keys.iter().any(|key| key.common.key_id == header.kid)
}

/// The claims of a token that one of these keys signed. Of the claims nothing is checked.
pub(super) fn verify(keys: &[Jwk], token: &str, header: &Header) -> Option<Map<String, Value>> {
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    // By the machine's clock; it is the caller's that holds.
    validation.validate_exp = false;
    validation.validate_aud = false;
    keys.iter().filter(|key| may_be_by(key, header)).find_map(|key| {
        let key = DecodingKey::from_jwk(key).ok()?;
        jsonwebtoken::decode(token, &key, &validation).ok().map(|token| token.claims)
    })
}

/// Whether a key is of the kind, and by the name, that the header says.
fn may_be_by(key: &Jwk, header: &Header) -> bool {
    let common = &key.common;
    let is_for_this = common.key_algorithm.is_none_or(|alone| alone == KeyAlgorithm::from(header.alg));
    let is_for_signing = common.public_key_use.as_ref().is_none_or(|only| *only == PublicKeyUse::Signature);
    let is_named = header.kid.is_none() || common.key_id == header.kid;
    is_for_this && is_for_signing && is_named
}

/// Verifies by ring.
struct ByRing {
    algorithm: Algorithm,
    key: Key,
}

enum Key {
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
    Other(UnparsedPublicKey<Vec<u8>>),
}

impl ByRing {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self> {
        if key.family() != algorithm.family() {
            return Err(ErrorKind::InvalidKeyFormat.into());
        }
        let rsa = |parameters: &'static RsaParameters| match key.kind() {
            // An issuer may have set a zero before the number.
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                let [n, e] =
                    [n, e].map(|number| number.iter().copied().skip_while(|&byte| byte == 0).collect());
                Ok(Key::Rsa(parameters, RsaPublicKeyComponents { n, e }))
            }
            DecodingKeyKind::SecretOrDer(_) => Err(ErrorKind::InvalidKeyFormat),
        };
        let other = |how: &'static dyn VerificationAlgorithm| {
            key.try_get_as_bytes().map(|bytes| Key::Other(UnparsedPublicKey::new(how, bytes.to_vec())))
        };
        let key = match algorithm {
            Algorithm::RS256 => rsa(&with::RSA_PKCS1_2048_8192_SHA256)?,
            Algorithm::RS384 => rsa(&with::RSA_PKCS1_2048_8192_SHA384)?,
            Algorithm::RS512 => rsa(&with::RSA_PKCS1_2048_8192_SHA512)?,
            Algorithm::PS256 => rsa(&with::RSA_PSS_2048_8192_SHA256)?,
            Algorithm::PS384 => rsa(&with::RSA_PSS_2048_8192_SHA384)?,
            Algorithm::PS512 => rsa(&with::RSA_PSS_2048_8192_SHA512)?,
            Algorithm::ES256 => other(&with::ECDSA_P256_SHA256_FIXED)?,
            Algorithm::ES384 => other(&with::ECDSA_P384_SHA384_FIXED)?,
            Algorithm::EdDSA => other(&with::ED25519)?,
            _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
        };
        Ok(Self { algorithm, key })
    }
}

impl Verifier<Vec<u8>> for ByRing {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let verified = match &self.key {
            Key::Rsa(parameters, key) => key.verify(parameters, message, signature),
            Key::Other(key) => key.verify(message, signature),
        };
        verified.map_err(|_| Error::new())
    }
}

impl JwtVerifier for ByRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests;
