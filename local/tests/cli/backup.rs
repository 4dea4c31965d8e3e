//! `fettle backup` and `fettle restore`.

use crate::context::{Context, snapshot};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

/// A backup of a deployed model, made while its server runs, in an empty place without a server.
fn moved(name: &str) -> (Context, Context) {
    let (old, new) = (Context::deployed(), Context::without_server());
    old.fettle(&["backup", "--out", name]).done();
    fs::copy(old.path().join(name), new.path().join(name)).unwrap();
    (old, new)
}

#[test]
fn a_workspace_moves_to_another_data_directory() {
    let (old, mut new) = (Context::deployed(), Context::without_server());
    snapshot!("backup", old.fettle(&["backup", "--out", "shop.tar.zst"]));
    let file = old.path().join("shop.tar.zst");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(old.path()).unwrap().count(), 3, "the penguins, the data and the backup");
    fs::copy(file, new.path().join("shop.tar.zst")).unwrap();
    snapshot!("restore", new.fettle(&["restore", "shop.tar.zst"]));

    // The old keys hold, and the same model gives the same answers.
    fs::copy(old.data().join("admin.key"), new.data().join("admin.key")).unwrap();
    new.start();
    let answer = |context: &Context| {
        let answer = context.fettle(&["predict", "penguins", "penguins.csv", "--json"]).json();
        answer["predictions"].clone()
    };
    assert_eq!(answer(&new), answer(&old));
    let list = |context: &Context| context.fettle(&["models", "show", "penguins", "--json"]).json();
    assert_eq!(list(&new), list(&old));
}

#[test]
fn what_is_there_is_replaced_only_when_that_is_asked_for() {
    let (_old, mut new) = moved("shop.tar");
    new.start();
    // A server that has only its own key is an empty place, but it uses the directory.
    new.fettle(&["restore", "shop.tar"]).failed(1, &["is using the data directory"]);
    new.server().kill().unwrap();
    new.server().wait().unwrap();
    new.fettle(&["restore", "shop.tar"]).done();
    new.start();
    // Its own key still holds.
    new.fettle(&["deployments", "show", "penguins"]).done();
    new.server().kill().unwrap();
    new.server().wait().unwrap();
    snapshot!("restore_not_empty", new.fettle(&["restore", "shop.tar"]));
    let replaced = new.fettle(&["restore", "shop.tar", "--replace"]).done();
    assert!(!replaced.stderr.contains("admin.key"), "{replaced}");
}

#[test]
fn a_file_that_is_no_backup_is_refused() {
    let (_old, new) = moved("shop.tar");
    let whole = fs::read(new.path().join("shop.tar")).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    fs::write(new.path().join("changed.tar"), changed).unwrap();
    new.fettle(&["restore", "changed.tar"]).failed(1, &["no backup", "another copy"]);
    fs::write(new.path().join("cut.tar"), &whole[..whole.len() / 2]).unwrap();
    snapshot!("restore_cut", new.fettle(&["restore", "cut.tar"]));
    new.fettle(&["restore", "penguins.csv"]).failed(1, &["no backup"]);
    new.fettle(&["restore", "nowhere.tar"]).failed(1, &["nowhere.tar"]);
    // None of it has left anything behind.
    new.fettle(&["restore", "shop.tar"]).done();
}

#[test]
fn what_is_not_there_is_not_backed_up() {
    let context = Context::new();
    context.fettle(&["backup", "--out", "a.tar", "--workspace", "another"]).failed(1, &["no workspace"]);
    context.fettle(&["backup", "--out", "a.tar", "--data", "elsewhere"]).failed(1, &["elsewhere"]);
    context.fettle(&["backup", "--out", "nowhere/a.tar"]).failed(1, &["nowhere/a.tar"]);
    context.fettle(&["backup"]).failed(2, &["--out"]);
    assert!(!context.path().join("a.tar").exists() && !context.path().join("elsewhere").exists());
}

#[test]
fn programs_are_told_in_json() {
    let (old, new) = moved("shop.tar.zst");
    let saved = old.fettle(&["backup", "--out", "again.tar", "--json"]).json();
    assert_eq!(saved["manifest"]["workspace"], "default");
    assert_eq!(saved["bytes"], fs::metadata(old.path().join("again.tar")).unwrap().len());
    assert_eq!(saved["sha256"].as_str().unwrap().len(), 64);
    let restored = new.fettle(&["restore", "shop.tar.zst", "--json"]).json();
    assert_eq!(restored["objects"], saved["objects"]);
    assert_eq!(restored["unreadable"], 0);
}

#[test]
fn a_killed_restore_is_finished_by_the_next() {
    let (old, new) = moved("shop.tar");
    for millis in [5, 15, 30, 45, 60, 90] {
        let mut restore = new.command();
        restore.args(["restore", "shop.tar"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = restore.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
    }
    new.fettle(&["restore", "shop.tar", "--replace"]).done();
    let objects = |context: &Context| {
        context.fettle(&["backup", "--out", "after.tar", "--json"]).json()["object_bytes"].clone()
    };
    assert_eq!(objects(&new), objects(&old));
}
