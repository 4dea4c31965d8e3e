//! The README's commands are run, in its order, on a machine that has just cloned the repository.

#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const README: &str = include_str!("../../README.md");

/// The blocks of shell commands.
fn blocks() -> Vec<String> {
    let mut blocks = Vec::new();
    for block in README.split("```sh\n").skip(1) {
        blocks.push(block.split("```").next().unwrap().replace("cargo run --release --", "fettle"));
    }
    blocks
}

/// What a clone has that the commands name.
fn clone(to: &Path) {
    let from: PathBuf = [env!("CARGO_MANIFEST_DIR"), "samples"].iter().collect();
    let samples = to.join("local/samples");
    fs::create_dir_all(&samples).unwrap();
    fs::copy(from.join("penguins.csv"), samples.join("penguins.csv")).unwrap();
}

#[allow(clippy::disallowed_methods, reason = "the program is put before what the path has")]
fn shell(directory: &Path, script: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_fettle")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(directory)
        .env("PATH", path)
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn run(directory: &Path, script: &str) -> String {
    let output = shell(directory, script).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{out}\n{err}");
    out.into_owned()
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    clone(here);
    let blocks = blocks();
    let [demo, up, curl, program] = &blocks[..] else { panic!("the README has {} blocks", blocks.len()) };
    assert!(run(here, demo).contains("champion"));

    // A port that is free, in place of the one that a reader has to himself.
    let mut server =
        shell(here, &format!("exec {} --port 0", up.trim())).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let url = loop {
        let text = fs::read_to_string(here.join(".fettle/server.json")).unwrap_or_default();
        if let Ok(running) = serde_json::from_str::<serde_json::Value>(&text) {
            break running["url"].as_str().unwrap().to_owned();
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "the server does not start");
        std::thread::sleep(Duration::from_millis(20));
    };
    let curl = curl.replace("http://127.0.0.1:8080", &url);
    let answered = run(here, &curl);
    assert!(answered.contains("\"prediction\":\"Gentoo\""), "{answered}");
    assert!(run(here, program).contains("Gentoo"));
    server.kill().unwrap();
    server.wait().unwrap();
}
