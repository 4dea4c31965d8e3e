//! `fettle demo`.

use crate::context::{Context, Ran, snapshot};
use std::fmt::Write;

#[test]
fn the_first_time_it_makes_version_1_and_then_version_2() {
    let context = Context::without_server();
    let first = context.fettle(&["demo"]).done();
    snapshot!("demo", first.stdout);
    let second = context.fettle(&["demo"]).done();
    assert!(second.stdout.contains("penguins version 2: 344 rows"), "{second}");
    assert!(second.stdout.contains("penguins version 2 is the champion"), "{second}");
    assert!(second.stdout.contains("answered by version 2"), "{second}");
    assert!(!context.data().join("server.json").exists());
}

#[test]
fn it_takes_a_table_of_the_users_own() {
    let context = Context::without_server();
    let mut text = "size,colour,price\n".to_owned();
    for row in 0..120 {
        let colour = ["red", "green", "blue"][row % 3];
        writeln!(text, "{},{colour},{}", row % 17, 3 * (row % 17) + row % 3).unwrap();
    }
    context.write("toys.csv", &text);
    let demo = context.fettle(&["demo", "--data", "toys.csv", "--target", "price"]).done();
    assert!(demo.stdout.contains("toys version 1: 120 rows, 3 columns"), "{demo}");
    assert!(demo.stdout.contains("answered by version 1"), "{demo}");
    assert!(demo.stdout.contains("predict toys FILE.csv"), "{demo}");
    assert!(context.data().is_dir());

    let demo =
        context.fettle(&["demo", "--file", "toys.csv", "--target", "colour", "--data", "elsewhere"]).done();
    assert!(demo.stdout.contains("--data elsewhere"), "{demo}");
    assert!(context.path().join("elsewhere/admin.key").exists());
}

#[test]
fn it_uses_the_server_that_runs() {
    let context = Context::new();
    let demo = context.fettle(&["demo"]).done();
    let running = std::fs::read_to_string(context.data().join("server.json")).unwrap();
    let running: serde_json::Value = serde_json::from_str(&running).unwrap();
    assert!(demo.stdout.contains(&format!("{} runs on", running["url"].as_str().unwrap())), "{demo}");
    assert!(demo.stdout.contains("models show penguins"), "{demo}");
    let again = context.fettle(&["demo"]).done();
    assert!(again.stdout.contains("answered by version 2"), "{again}");
    let deployments = context.fettle(&["deployments", "list", "--json"]).json();
    assert_eq!(deployments["items"][0]["name"], "penguins");
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    let context = Context::without_server();
    context.fettle(&["demo", "--data", "penguins.csv"]).failed(2, &["--target"]);
    context.fettle(&["demo", "--file", "penguins.csv"]).failed(2, &["--target"]);
    let both = ["demo", "--data", "penguins.csv", "--file", "penguins.csv", "--target", "species"];
    context.fettle(&both).failed(2, &["two files"]);
    context.fettle(&["demo", "--data", "none.csv", "--target", "x"]).failed(1, &["none.csv: No such file"]);
    context.fettle(&["demo", "--target", "walrus"]).failed(1, &["walrus"]);
}

#[test]
fn a_data_directory_in_the_environment_is_kept_beside_a_file() {
    let context = Context::without_server();
    let mut command = context.command();
    command.args(["demo", "--data", "penguins.csv", "--target", "species"]).env("FETTLE_DATA", "kept");
    Ran::of(&command.output().unwrap()).done();
    assert!(context.path().join("kept/admin.key").exists());
    assert!(!context.data().exists());
}
