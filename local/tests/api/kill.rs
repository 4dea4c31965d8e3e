//! Kills at any moment: nothing that was answered for is lost, and nothing happens twice.

use crate::client::{PENGUINS, Server};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Kills in one test; `FETTLE_KILLS` asks for more.
#[allow(clippy::disallowed_methods, reason = "a test is asked for more")]
fn kills() -> u64 {
    std::env::var("FETTLE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

/// One leaderboard: each trial once and ended well, ranks without a gap, and nothing left over.
fn check(run: &Value) {
    assert_eq!(run["status"], "succeeded", "{run}");
    let board = run["leaderboard"].as_array().unwrap();
    assert_eq!(run["trials"], board.len());
    let trials: BTreeSet<&str> = board.iter().map(|entry| entry["trial"].as_str().unwrap()).collect();
    assert_eq!(trials.len(), board.len());
    for (place, entry) in board.iter().enumerate() {
        assert_eq!((&entry["rank"], &entry["status"]), (&json!(place + 1), &json!("succeeded")), "{entry}");
        let folds = run["folds"].as_u64().unwrap() as usize;
        assert!(
            entry["metrics"]
                .as_object()
                .unwrap()
                .values()
                .all(|m| m["folds"].as_array().unwrap().len() == folds)
        );
    }
}

#[test]
fn a_run_survives_kills_at_any_moment() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path(), &[]);
    server.client().push("penguins", PENGUINS.as_bytes());
    let request = json!({"dataset": "penguins", "target": "species", "seed": 1});
    let mut boards: Vec<Value> = Vec::new();
    for kill in 0..kills() {
        let run = server.client().post("/v1/runs", &request).json(202)["id"].as_str().unwrap().to_owned();
        // Spread over the run's time, and never the same.
        std::thread::sleep(Duration::from_millis((kill * 137 + 11) % 1500));
        server.kill();
        server = Server::start(directory.path(), &[]);
        let client = server.client();
        let run = client.finished(&run);
        check(&run);
        let events = client.get(&format!("/v1/runs/{}/events", run["id"].as_str().unwrap())).json(200);
        let ended = events["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["kind"].as_str().unwrap().starts_with("trial."))
            .count();
        assert_eq!(run["trials"], ended, "each trial ends once: {events}");
        boards.push(
            run["leaderboard"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| json!([entry["estimator"], entry["params"], entry["metrics"], entry["holdout"]]))
                .collect(),
        );
    }
    assert!(boards.windows(2).all(|pair| pair[0] == pair[1]), "a kill changes no result");
}

#[test]
fn one_run_survives_a_kill_every_moment() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path(), &[]);
    server.client().push("penguins", PENGUINS.as_bytes());
    let request = json!({"dataset": "penguins", "target": "species", "seed": 1});
    let run = server.client().post("/v1/runs", &request).json(202)["id"].as_str().unwrap().to_owned();
    for kill in 0..5 {
        std::thread::sleep(Duration::from_millis(kill * 60));
        server.kill();
        server = Server::start(directory.path(), &[]);
    }
    check(&server.client().finished(&run));
}

#[test]
fn an_upload_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path(), &[]);
    for kill in 0..4_u64 {
        let path = format!("/v1/datasets?name=t{kill}");
        server.client().send("POST", &path, &[], PENGUINS.as_bytes()).json(202);
        std::thread::sleep(Duration::from_millis(kill * 5));
        server.kill();
        server = Server::start(directory.path(), &[]);
        assert_eq!(server.client().ingested(&format!("t{kill}"))["status"], "ready");
    }
}

#[test]
fn a_signal_drains_and_the_next_start_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let one = [("FETTLE_WORKERS", "1")];
    let server = Server::start(directory.path(), &one);
    server.client().push("penguins", PENGUINS.as_bytes());
    let request = json!({"dataset": "penguins", "target": "species", "seed": 1, "folds": 20});
    let run = server.client().post("/v1/runs", &request).json(202)["id"].as_str().unwrap().to_owned();
    std::thread::sleep(Duration::from_millis(300));
    assert!(server.terminate(), "a signal is no error");
    let server = Server::start(directory.path(), &one);
    check(&server.client().finished(&run));
}
