//! `fettle up`.

use crate::context::{Context, Ran};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

#[test]
fn the_admins_key_is_kept_for_its_owner_and_in_no_log() {
    let context = Context::without_server();
    let mut shown = Vec::new();
    for _ in 0..2 {
        let mut server =
            context.command().args(["up", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
        let told: Vec<String> = lines.by_ref().take_while(|line| !line.contains("Ctrl-C")).collect();
        shown.push(told.join("\n"));
        terminate(server.id());
        assert!(server.wait().unwrap().success());
        assert!(!context.data().join("server.json").exists());
    }
    let path = context.data().join("admin.key");
    let key = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // What is no terminal may be a log.
    assert!(shown.iter().all(|told| !told.contains(key.trim()) && told.contains("admin.key")), "{shown:?}");
    assert!(shown.iter().all(|told| told.contains(" at http://127.0.0.1:")), "{shown:?}");
}

#[test]
fn a_data_directory_has_one_server() {
    let mut context = Context::new();
    context.fettle(&["up", "--port", "0"]).failed(1, &[]);
    // The refused one has left the running one alone.
    context.fettle(&["datasets", "list"]).done();
    assert!(context.server().try_wait().unwrap().is_none());
}

#[test]
fn a_taken_port_is_named() {
    let context = Context::without_server();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    context.fettle(&["up", "--port", &port]).failed(1, &[&port]);
}

#[test]
fn a_setting_that_can_not_be_used_stops_the_start_by_name() {
    let context = Context::without_server();
    let output = context.command().arg("up").env("FETTLE_STORAGE", "cupboard").output().unwrap();
    Ran::of(&output).failed(2, &["FETTLE_STORAGE"]);
    let output = context.command().arg("up").env("FETTLE_TYPO", "1").output().unwrap();
    Ran::of(&output).failed(2, &["FETTLE_TYPO"]);
}

#[test]
fn what_was_under_way_is_finished_after_a_restart() {
    let mut context = Context::with_penguins();
    let run = context.fettle(&["train", "penguins", "--target", "species"]).done().stdout.trim().to_owned();
    terminate(context.server().id());
    assert!(context.server().wait().unwrap().success());
    context.start();
    let watched = context.fettle(&["runs", "watch", &run]).done();
    assert!(watched.stdout.contains("succeeded"), "{watched}");
}

fn terminate(process: u32) {
    assert!(Command::new("kill").args(["-TERM", &process.to_string()]).status().unwrap().success());
}
