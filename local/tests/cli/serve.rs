//! `fettle serve`: what can not be served is said. What is served `local/tests/api/doors.rs` asks.

use crate::context::{Context, Ran};
use std::net::TcpListener;

#[test]
fn what_can_not_be_served_is_said() {
    let context = Context::without_server();
    context.fettle(&["serve", "none.fettle"]).failed(1, &["none.fettle: No such file"]);
    context.fettle(&["serve", "penguins.csv"]).failed(1, &["penguins.csv: it can not be loaded", "help: "]);
    context.write("cut.fettle", "FETTLE");
    context.fettle(&["serve", "cut.fettle"]).failed(1, &["cut.fettle: it can not be loaded"]);
    context.fettle(&["serve", "."]).failed(1, &["cut.fettle: it can not be loaded"]);
    context.write("other.fettle", "");
    context.fettle(&["serve", "."]).failed(2, &["there are 2 files that end in .fettle", "help: "]);
    std::fs::create_dir(context.path().join("empty")).unwrap();
    context.fettle(&["serve", "empty"]).failed(1, &["no file that ends in .fettle"]);
    let output = context.command().args(["serve", "."]).env("SAGEMAKER_BIND_TO_PORT", "many").output();
    assert_eq!(Ran::of(&output.unwrap()).code, Some(2));
}

#[test]
fn a_taken_port_is_named() {
    let context = Context::deployed();
    context.fettle(&["models", "download", "penguins", "1", "--output", "birds.fettle"]).done();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    context.fettle(&["serve", "birds.fettle", "--port", &port]).failed(1, &[&port]);
}
