//! Finding the server, and what is said when there is none.

use crate::context::{Context, snapshot};

#[test]
fn without_a_server_it_says_how_to_get_one() {
    let context = Context::without_server();
    for arguments in [
        &["datasets", "list"][..],
        &["train", "penguins", "--target", "species"],
        &["predict", "penguins", "penguins.csv"],
        &["openapi"],
    ] {
        context.fettle(arguments).failed(3, &["no server runs", "fettle up", "fettle demo"]);
    }
    snapshot!("no_server", context.fettle(&["datasets", "list"]));
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let context = Context::without_server();
    // The discard port: nothing listens there.
    context
        .fettle(&["runs", "list", "--url", "http://127.0.0.1:9"])
        .failed(3, &["http://127.0.0.1:9 does not answer"]);
    context.fettle(&["runs", "list", "--url", "http://host.invalid"]).failed(3, &["http://host.invalid"]);
}

#[test]
fn a_killed_server_leaves_an_address_where_nobody_answers() {
    let mut context = Context::new();
    context.server().kill().unwrap();
    context.server().wait().unwrap();
    context.fettle(&["datasets", "list"]).failed(3, &["does not answer", "fettle up"]);
    context.start();
    context.fettle(&["datasets", "list"]).done();
}

#[test]
fn what_is_no_address_is_a_usage_error() {
    let context = Context::without_server();
    context
        .fettle(&["runs", "list", "--url", "penguins"])
        .failed(2, &["`penguins` is not the address of a server"]);
}

#[test]
fn the_command_line_is_checked_before_anything_is_sent() {
    let context = Context::without_server();
    for arguments in [
        &["bogus"][..],
        &["train", "penguins"],
        &["deploy", "x", "--model", "m", "--alias", "champion", "--version", "1"],
        &["keys", "create", "x", "--role", "king"],
        &["datasets", "preview", "penguins", "--rows", "0"],
        &["models", "alias", "m", "champion", "first"],
        &["completions", "dos"],
    ] {
        context.fettle(arguments).failed(2, &[]);
    }
}

#[test]
fn the_environment_names_server_and_key() {
    let context = Context::new();
    let elsewhere = Context::without_server();
    let running = std::fs::read_to_string(context.data().join("server.json")).unwrap();
    let running: serde_json::Value = serde_json::from_str(&running).unwrap();
    let url = running["url"].as_str().unwrap();
    let key = std::fs::read_to_string(context.data().join("admin.key")).unwrap();

    elsewhere.fettle(&["datasets", "list", "--url", url]).failed(4, &["help: "]);
    let with = |key: &str| {
        let mut command = elsewhere.command();
        command.args(["datasets", "list"]).env("FETTLE_URL", url).env("FETTLE_KEY", key);
        crate::context::Ran::of(&command.output().unwrap())
    };
    with(key.trim()).done();
    with("ftl_unknown").failed(4, &[]);

    let mut command = elsewhere.command();
    command.args(["datasets", "list"]).env("FETTLE_DATA", context.data());
    crate::context::Ran::of(&command.output().unwrap()).done();
    elsewhere.fettle(&["--data", context.data().to_str().unwrap(), "datasets", "list"]).done();
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let context = Context::with_penguins();
    let mut command = context.command();
    command.args(["datasets", "preview", "penguins", "--rows", "300"]);
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ran = crate::context::Ran::of(&child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn help_tells_the_exit_codes() {
    let context = Context::without_server();
    snapshot!("help", context.fettle(&["--help"]).done());
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let context = Context::without_server();
    for (shell, part) in
        [("bash", "complete -F _fettle"), ("zsh", "#compdef fettle"), ("fish", "complete -c fettle")]
    {
        let script = context.fettle(&["completions", shell]).done().stdout;
        assert!(script.contains(part), "{shell}");
        assert!(script.contains("deployments"), "{shell}");
    }
}
