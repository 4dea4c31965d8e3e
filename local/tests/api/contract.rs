//! The API's description is the program's, and is committed.

use crate::client::Platform;
use serde_json::Value;

/// Holds a committed file to what `fettle operations` prints, or renews it.
fn assert_committed(args: &[&str], file: &str) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_fettle"))
        .arg("operations")
        .args(args)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
    #[allow(clippy::disallowed_methods, reason = "a test is told to renew the file")]
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{file} is stale: UPDATE_OPENAPI=1 cargo test -p fettle --test api contract");
}

#[test]
fn the_committed_description_is_the_programs() {
    assert_committed(&["--openapi"], "docs/openapi.json");
}

#[test]
fn the_registry_that_terraform_reads_is_the_programs() {
    assert_committed(&[], "infra/terraform/operations.json");
}

#[test]
fn every_reference_in_the_description_leads_somewhere() {
    let platform = Platform::new();
    let api = platform.client().get("/openapi.json").json(200);
    let mut found = 0;
    let mut look = vec![&api];
    while let Some(value) = look.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(api.pointer(pointer).is_some(), "{reference}");
                    found += 1;
                }
                look.extend(fields.values());
            }
            Value::Array(items) => look.extend(items),
            _ => {}
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn anybody_may_ask_whether_it_is_up() {
    let platform = Platform::new();
    let anybody = platform.client().with_key(None);
    assert_eq!(anybody.get("/v1/health").json(200)["status"], "ok");
    assert_eq!(anybody.get("/v1/version").json(200)["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(anybody.get("/v1/health").header("x-content-type-options"), "nosniff");
}
