//! From verified claims to a caller.

use super::settings::OidcSettings;
use fettle_backend::keys::DEFAULT_WORKSPACE;
use fettle_backend::limits::check_name;
use fettle_backend::permission::Role;
use fettle_backend::ports::Caller;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// How far the issuer's clock may be from this one, in seconds.
const LEEWAY: f64 = 60.0;

/// The longest subject, in characters, as `OpenID` Connect has it.
const SUBJECT_CHARS: usize = 255;

/// What the platform's own keys begin with: no workspace's name.
const PLATFORM: &str = "platform";

/// Who the claims say is calling, if all of them fit; nobody without a role.
pub(super) fn caller(settings: &OidcSettings, claims: &Map<String, Value>, now: Timestamp) -> Option<Caller> {
    let text = |name: &str| claims.get(name)?.as_str();
    let is_ours = text("iss")? == settings.issuer && is_meant(settings, claims);
    if !is_ours || !is_now(claims, now) {
        return None;
    }
    let subject = text("sub").filter(|subject| {
        (1..=SUBJECT_CHARS).contains(&subject.chars().count()) && !subject.chars().any(char::is_control)
    })?;
    let workspace = match &settings.workspace_claim {
        None => DEFAULT_WORKSPACE,
        Some(claim) => text(claim).filter(|name| is_workspace(name))?,
    };
    let role = role(settings, claims.get(&settings.role_claim)?)?;
    Some(Caller { workspace: workspace.to_owned(), subject: subject.to_owned(), role })
}

fn is_workspace(name: &str) -> bool {
    name != PLATFORM && check_name("workspace", name).is_ok()
}

fn is_now(claims: &Map<String, Value>, now: Timestamp) -> bool {
    let now = now.as_second() as f64;
    let ends = claims.get("exp").and_then(Value::as_f64).is_some_and(|end| now < end + LEEWAY);
    let begins =
        claims.get("nbf").is_none_or(|begin| begin.as_f64().is_some_and(|begin| now + LEEWAY >= begin));
    ends && begins
}

fn is_meant(settings: &OidcSettings, claims: &Map<String, Value>) -> bool {
    let names_us = |name: &Value| {
        name.as_str().is_some_and(|name| settings.audiences.iter().any(|audience| audience == name))
    };
    match claims.get("aud") {
        Some(Value::Array(names)) => names.iter().any(names_us),
        Some(name) => names_us(name),
        // Amazon Cognito's access tokens name the client instead.
        None => {
            claims.get("token_use").is_some_and(|used| used == "access")
                && claims.get("client_id").is_some_and(names_us)
        }
    }
}

/// The strongest role of the claim's values.
fn role(settings: &OidcSettings, claim: &Value) -> Option<Role> {
    let values = match claim {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let means = |value: &str, role: Role| match settings.roles.get(value) {
        Some(&meant) => meant == role,
        None => settings.roles.is_empty() && value == role.as_str(),
    };
    let mut strongest_first = Role::ALL.iter().copied();
    strongest_first.find(|&role| values.iter().filter_map(Value::as_str).any(|value| means(value, role)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    const NOW: i64 = 1_800_000_000;

    fn settings() -> OidcSettings {
        OidcSettings::new("https://issuer.test/realm", "fettle")
    }

    fn claims() -> Value {
        json!({ "iss": "https://issuer.test/realm", "aud": "fettle", "sub": "alice", "exp": NOW + 300,
                "fettle_role": "editor" })
    }

    fn called(settings: &OidcSettings, claims: &Value) -> Option<Caller> {
        caller(settings, claims.as_object().unwrap(), Timestamp::from_second(NOW).unwrap())
    }

    /// The claims with some set; null takes one away.
    #[allow(clippy::needless_pass_by_value, reason = "so that a test can say what changes in place")]
    fn with(changes: Value) -> Value {
        let mut claims = claims();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    #[test]
    fn whose_claims_fit_is_somebody() {
        let expected =
            Caller { workspace: DEFAULT_WORKSPACE.into(), subject: "alice".into(), role: Role::Editor };
        for fits in [
            json!({}),
            json!({ "aud": ["other", "fettle"] }),
            json!({ "aud": null, "token_use": "access", "client_id": "fettle" }),
            json!({ "exp": NOW as f64 + 0.5 }),
            json!({ "exp": NOW - 59, "nbf": NOW + 60 }),
            json!({ "fettle_role": ["other", "editor", 7, "viewer"] }),
            json!({ "workspace": "elsewhere", "admin": true }),
        ] {
            assert_eq!(called(&settings(), &with(fits.clone())), Some(expected.clone()), "{fits}");
        }
    }

    #[test]
    fn whose_claims_do_not_fit_is_nobody() {
        for unfit in [
            json!({ "iss": null }),
            json!({ "iss": "https://issuer.test/realm/" }),
            json!({ "iss": ["https://issuer.test/realm"] }),
            json!({ "aud": null }),
            json!({ "aud": "other" }),
            json!({ "aud": [] }),
            json!({ "aud": ["fettle2"] }),
            json!({ "aud": "other", "token_use": "access", "client_id": "fettle" }),
            json!({ "aud": null, "client_id": "fettle" }),
            json!({ "aud": null, "token_use": "id", "client_id": "fettle" }),
            json!({ "exp": null }),
            json!({ "exp": "never" }),
            json!({ "exp": NOW - 60 }),
            json!({ "nbf": NOW + 61 }),
            json!({ "nbf": "now" }),
            json!({ "sub": null }),
            json!({ "sub": "" }),
            json!({ "sub": 7 }),
            json!({ "sub": "a\nb" }),
            json!({ "sub": "x".repeat(256) }),
            json!({ "fettle_role": null }),
            json!({ "fettle_role": "" }),
            json!({ "fettle_role": "Admin" }),
            json!({ "fettle_role": "owner" }),
            json!({ "fettle_role": [] }),
            json!({ "fettle_role": true }),
            json!({ "fettle_role": { "admin": true } }),
        ] {
            assert_eq!(called(&settings(), &with(unfit.clone())), None, "{unfit}");
        }
    }

    #[test]
    fn groups_give_roles_and_the_strongest_holds() {
        let roles = BTreeMap::from([
            ("ml-team".to_owned(), Role::Editor),
            ("staff".to_owned(), Role::Viewer),
            ("ops".to_owned(), Role::Admin),
        ]);
        let settings = OidcSettings { role_claim: "cognito:groups".into(), roles, ..settings() };
        let role = |groups: Value| {
            called(&settings, &with(json!({ "cognito:groups": groups }))).map(|caller| caller.role)
        };
        assert_eq!(role(json!(["staff", "ml-team", "other"])), Some(Role::Editor));
        assert_eq!(role(json!(["staff", "ops"])), Some(Role::Admin));
        assert_eq!(role(json!("staff")), Some(Role::Viewer));
        // Where values are mapped, a group that happens to have a role's name gives none.
        assert_eq!(role(json!(["admin", "other"])), None);
        assert_eq!(role(json!(null)), None);
    }

    #[test]
    fn a_workspace_is_a_name_and_never_the_platform() {
        let settings = OidcSettings { workspace_claim: Some("tenant".into()), ..settings() };
        let workspace = |tenant: Value| {
            called(&settings, &with(json!({ "tenant": tenant }))).map(|caller| caller.workspace)
        };
        assert_eq!(workspace(json!("acme-1.eu")).as_deref(), Some("acme-1.eu"));
        for wrong in
            [json!("platform"), json!("a/b"), json!(""), json!("-a"), json!("ü"), json!(7), json!(null)]
        {
            assert_eq!(workspace(wrong.clone()), None, "{wrong}");
        }
    }
}
