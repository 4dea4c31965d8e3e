//! A running platform on a directory of its own, and the program's answers as snapshots.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The penguins.
pub(crate) const PENGUINS: &str = include_str!("../../samples/penguins.csv");

/// How long a server may take to answer on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A directory to work in, and the server on its data directory. Both are gone when this is dropped.
pub(crate) struct Context {
    directory: TempDir,
    server: Option<Child>,
}

/// What the program did.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Context {
    /// No server, and nothing in the directory but the penguins.
    pub(crate) fn without_server() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("penguins.csv"), PENGUINS).unwrap();
        Self { directory, server: None }
    }

    /// A server that answers.
    pub(crate) fn new() -> Self {
        let mut context = Self::without_server();
        context.start();
        context
    }

    /// Starts a server on the data directory.
    pub(crate) fn start(&mut self) {
        let mut up = self.command();
        up.args(["up", "--port", "0"]).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(up.spawn().unwrap());
        let begun = Instant::now();
        while self.fettle(&["datasets", "list"]).code != Some(0) {
            assert!(begun.elapsed() < PATIENCE, "the server does not answer");
            sleep(Duration::from_millis(20));
        }
    }

    /// With the penguins as a data set.
    pub(crate) fn with_penguins() -> Self {
        let context = Self::new();
        context.fettle(&["datasets", "push", "penguins.csv"]).done();
        context
    }

    /// With a model of the penguins, registered and deployed as `penguins`.
    pub(crate) fn deployed() -> Self {
        let context = Self::with_penguins();
        let run = context.train();
        context.fettle(&["models", "register", "penguins", "--run", &run]).done();
        context.fettle(&["models", "alias", "penguins", "champion", "1"]).done();
        context.fettle(&["deploy", "penguins", "--model", "penguins"]).done();
        context
    }

    /// The id of a run of a fast estimator on the penguins that has succeeded.
    pub(crate) fn train(&self) -> String {
        let fast = [
            "train",
            "penguins",
            "--target",
            "species",
            "--estimators",
            "logistic",
            "--folds",
            "3",
            "--seed",
            "1",
        ];
        let run = self.fettle(&fast).done().stdout.trim().to_owned();
        self.fettle(&["runs", "watch", &run]).done();
        run
    }

    /// Where the program runs.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join(".fettle")
    }

    /// A file in the directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// The server's process.
    pub(crate) fn server(&mut self) -> &mut Child {
        self.server.as_mut().unwrap()
    }

    /// The program, in the directory, with nothing of the tester's own settings.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fettle"));
        let ours = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("FETTLE_"));
        for name in ours.chain(["COLUMNS", "CLICOLOR_FORCE", "NO_COLOR"].map(str::to_owned)) {
            command.env_remove(name);
        }
        command.current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// What the program does with these arguments.
    pub(crate) fn fettle(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command().args(arguments).output().unwrap())
    }

    /// What the program does with these arguments and that on stdin.
    pub(crate) fn fettle_with(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let text = stdin.to_owned();
        // The program may have gone before it has read all.
        let writer = std::thread::spawn(move || drop(pipe.write_all(text.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ran::of(&output)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            // It may have ended by itself, as some tests ask it to.
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        // The program calls itself as it was called.
        let text =
            |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(env!("CARGO_BIN_EXE_fettle"), "fettle");
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The same, if it did what it was asked.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// The same, if it failed with that code and said that.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, said: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        assert!(self.stderr.lines().any(|line| line.starts_with("error: ")), "{self}");
        for text in said {
            assert!(self.stderr.contains(text), "`{text}` in\n{self}");
        }
        self
    }

    /// The output as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        let ran = self.done();
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error} in\n{ran}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        write!(f, "exit code: {code}\n----- stdout -----\n{}----- stderr -----\n{}", self.stdout, self.stderr)
    }
}

/// What differs from run to run, and what stands for it in a snapshot.
pub(crate) const FILTERS: &[(&str, &str)] = &[
    (r"\b(ds|run|trl|mdl|dep|sec|req)_[0-9a-f-]{32,36}", "[$1 id]"),
    (r"\bboot-[0-9a-f-]{32,36}", "[boot]"),
    (r"\b[a-z2-7]{16}\b", "[key id]"),
    (r"\b[0-9a-f]{64}\b", "[sha256]"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\dZ", "[time]"),
    (r"http://127\.0\.0\.1:\d+", "[url]"),
    (r"\d+(\.\d+)? (ms|s|min)\b", "[took]"),
    (r"-?\d\.\d{4} ± \d\.\d{4}", "[score]"),
    (r"\b\d\.\d{3,4}\b", "[number]"),
    (r"\b\d\.\d{5,}(e-\d+)?", "[probability]"),
    (r"\d+(\.\d+)? (B|KiB|MiB)\b", "[size]"),
    // The width of columns follows what stands in them.
    (r"─+", "──"),
    (r"(\S) {2,}", "$1  "),
    (r"(?m)^ {4,}", "    "),
    // How many records there are depends on whether an event has been told already.
    (r"(?m)^default  \d+", "default  [count]"),
    // Which estimator is the best is the engine's affair.
    (r"(?m)(^ +\d+  [a-z_]+( \w+=\S+)*  \[score\].*\n)+", "    [leaderboard]\n"),
    (r"\d+ models to predict", "[count] models to predict"),
    (r"the champion: [a-z_]+", "the champion: [estimator]"),
];

/// Holds what the program did against the snapshot of that name.
macro_rules! snapshot {
    ($name:literal, $ran:expr) => {
        insta::with_settings!({
            filters => crate::context::FILTERS.to_vec(),
            omit_expression => true,
            prepend_module_to_snapshot => false,
        }, {
            insta::assert_snapshot!($name, $ran);
        });
    };
}
pub(crate) use snapshot;
