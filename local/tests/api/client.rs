//! A running platform, and requests to it.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The penguins.
pub(crate) const PENGUINS: &str = include_str!("../../samples/penguins.csv");

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A server on a directory of its own. Both are gone when this is dropped.
pub(crate) struct Server {
    child: Child,
    url: String,
    key: String,
}

impl Server {
    /// Starts a server on a data directory, with variables set.
    pub(crate) fn start(data: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fettle"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FETTLE_")) {
            command.env_remove(name);
        }
        let found = data.join("server.json");
        // One that was killed leaves it behind.
        let _ = std::fs::remove_file(&found);
        command.args(["up", "--port", "0", "--data"]).arg(data).envs(variables.iter().copied());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { child, url: String::new(), key: String::new() };
        let begun = Instant::now();
        while server.url.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "the server does not start");
            assert!(server.child.try_wait().unwrap().is_none(), "the server has ended");
            let text = std::fs::read_to_string(&found).unwrap_or_default();
            if let Ok(running) = serde_json::from_str::<Value>(&text) {
                running["url"].as_str().unwrap().clone_into(&mut server.url);
                std::fs::read_to_string(data.join("admin.key")).unwrap().trim().clone_into(&mut server.key);
            }
            sleep(Duration::from_millis(5));
        }
        server
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and gives whether it ended well.
    pub(crate) fn terminate(mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(begun.elapsed() < PATIENCE, "the server does not end");
            sleep(Duration::from_millis(10));
        }
    }

    /// A client with the admin's key.
    pub(crate) fn client(&self) -> Client {
        Client { url: self.url.clone(), key: Some(self.key.clone()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A model that is served by itself, from its artifact.
pub(crate) struct Served {
    server: Server,
    _directory: TempDir,
}

impl Served {
    /// Serves a version's artifact under the name that it is downloaded by.
    pub(crate) fn artifact(client: &Client, model: &str, version: u32) -> Self {
        let redirect = client.get(&format!("/v1/models/{model}/versions/{version}/artifact"));
        let artifact = client.with_key(None).get(redirect.header("location"));
        assert_eq!(artifact.status, 200);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(format!("{model}-{version}.fettle"));
        std::fs::write(&file, &artifact.bytes).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fettle"));
        command.args(["serve", "--port", "0"]).arg(&file).current_dir(directory.path());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let told = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let url = told.split(" at ").nth(1).unwrap().to_owned();
        Self { server: Server { child, url, key: String::new() }, _directory: directory }
    }

    /// A client without a key.
    pub(crate) fn client(&self) -> Client {
        self.server.client().with_key(None)
    }

    /// Asks it to end, and gives whether it ended well, and soon: a second, and some for a busy machine.
    pub(crate) fn terminate(self) -> bool {
        let begun = Instant::now();
        self.server.terminate() && begun.elapsed() < Duration::from_secs(5)
    }
}

/// A platform of a test's own.
pub(crate) struct Platform {
    server: Server,
    _directory: TempDir,
}

impl Platform {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { server: Server::start(directory.path(), variables), _directory: directory }
    }

    pub(crate) fn client(&self) -> Client {
        self.server.client()
    }
}

/// Somebody who sends requests.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) url: String,
    pub(crate) key: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

fn agent() -> &'static ureq::Agent {
    static AGENT: OnceLock<ureq::Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into()
    })
}

impl Client {
    /// The same with another key, or none.
    pub(crate) fn with_key(&self, key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned), ..self.clone() }
    }

    /// Sends a request.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = agent().run(request.body(body).unwrap()).unwrap();
        let (parts, mut body) = answer.into_parts();
        let bytes = body.with_config().limit(1 << 30).read_to_vec().unwrap();
        Got { status: parts.status.as_u16(), headers: parts.headers, bytes }
    }

    pub(crate) fn get(&self, path: &str) -> Got {
        self.send("GET", path, &[], &[])
    }

    pub(crate) fn delete(&self, path: &str) -> Got {
        self.send("DELETE", path, &[], &[])
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Got {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Got {
        self.send("PUT", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// Uploads a small file and waits until it is ready or has failed.
    pub(crate) fn push(&self, name: &str, file: &[u8]) -> Value {
        let path = format!("/v1/datasets?name={name}");
        let made = self.send("POST", &path, &[("content-type", "text/csv")], file).json(202);
        self.ingested(&format!("{name}@{}", made["version"]))
    }

    /// The version of a data set once it has been ingested, well or badly.
    pub(crate) fn ingested(&self, reference: &str) -> Value {
        let begun = Instant::now();
        loop {
            let dataset = self.get(&format!("/v1/datasets/{reference}")).json(200);
            if dataset["status"] == "ready" || dataset["status"] == "failed" {
                return dataset;
            }
            assert!(begun.elapsed() < PATIENCE, "{dataset}");
            sleep(Duration::from_millis(20));
        }
    }

    /// A run once it is over.
    pub(crate) fn finished(&self, run: &str) -> Value {
        let begun = Instant::now();
        loop {
            let run = self.get(&format!("/v1/runs/{run}")).json(200);
            if !matches!(run["status"].as_str().unwrap(), "queued" | "running") {
                return run;
            }
            assert!(begun.elapsed() < PATIENCE, "{run}");
            sleep(Duration::from_millis(50));
        }
    }

    /// Trains fast estimators on the penguins, and gives the run once it has succeeded.
    pub(crate) fn trained(&self) -> Value {
        assert_eq!(self.push("penguins", PENGUINS.as_bytes())["status"], "ready");
        let request = json!({"dataset": "penguins", "target": "species", "estimators": ["dummy", "logistic"],
                             "folds": 3, "seed": 1});
        let run = self.post("/v1/runs", &request).json(202);
        let run = self.finished(run["id"].as_str().unwrap());
        assert_eq!(run["status"], "succeeded", "{run}");
        run
    }

    /// A model of the penguins, deployed as `penguins`.
    pub(crate) fn deployed(&self) {
        let run = self.trained();
        self.post("/v1/models", &json!({"name": "penguins", "run": run["id"]})).json(201);
        self.post("/v1/deployments", &json!({"name": "penguins", "model": "penguins"})).json(201);
    }
}

impl Got {
    /// The body as JSON, if the status is that.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The problem, if it is whole: the status, the type, words that say all of `said`, and the id.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str, said: &[&str]) -> Value {
        let problem = self.json(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["type"], format!("urn:fettle:problem:{code}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert!(problem["request_id"].as_str().unwrap().starts_with("req_"), "{problem}");
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        for words in said {
            assert!(problem.to_string().contains(words), "`{words}` in {problem}");
        }
        problem
    }
    /// The error, if it is whole and in MLflow's form, and says all of `said`.
    #[track_caller]
    pub(crate) fn mlflow_error(&self, status: u16, said: &[&str]) {
        let code = match status {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "RESOURCE_DOES_NOT_EXIST",
            409 => "RESOURCE_CONFLICT",
            _ => "BAD_REQUEST",
        };
        let error = self.json(status);
        assert_eq!(
            (error["error_code"].as_str(), error.as_object().unwrap().len()),
            (Some(code), 2),
            "{error}"
        );
        self.says(error["message"].as_str().unwrap(), said);
    }

    /// The error, if it is in the Open Inference Protocol's form, and says all of `said`.
    #[track_caller]
    pub(crate) fn inference_error(&self, status: u16, said: &[&str]) {
        let error = self.json(status);
        assert_eq!(error.as_object().unwrap().len(), 1, "{error}");
        self.says(error["error"].as_str().unwrap(), said);
    }

    #[track_caller]
    fn says(&self, message: &str, said: &[&str]) {
        assert_eq!(self.header("content-type"), "application/json");
        assert!(self.header("x-request-id").starts_with("req_"));
        for words in said {
            assert!(message.contains(words), "`{words}` in {message}");
        }
    }
}
