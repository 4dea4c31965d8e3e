//! Buckets, tables and queues on LocalStack, and the platform on them in one process.

use crate::client::{Client, Server};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Where LocalStack answers.
#[allow(clippy::disallowed_methods, reason = "a test is told where LocalStack is")]
pub(crate) fn endpoint() -> String {
    std::env::var("AWS_ENDPOINT_URL").unwrap_or_else(|_| "http://127.0.0.1:4566".to_owned())
}

/// The resources of one platform, under names of their own, and the variables that name them.
pub(crate) struct Resources {
    directory: TempDir,
    variables: Vec<(String, String)>,
}

impl Resources {
    /// Makes them as an operator does.
    pub(crate) fn new() -> Self {
        let resources = Self::named();
        let mut init = resources.command(Path::new(env!("CARGO_BIN_EXE_fettle")));
        let output = init.args(["init", "--once", "--data"]).arg(resources.data()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        resources
    }

    /// Names for them, and nothing more.
    pub(crate) fn named() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let suffix = directory.path().file_name().unwrap().to_str().unwrap().replace('.', "").to_lowercase();
        let name = format!("fettle-{}-{suffix}", std::process::id());
        let base = format!("{}/000000000000/{name}-", endpoint());
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("FETTLE_STORAGE", "s3".to_owned()),
            ("FETTLE_BUCKET", name.clone()),
            ("FETTLE_DATABASE", "dynamodb".to_owned()),
            ("FETTLE_TABLE", name.clone()),
            ("FETTLE_QUEUE", "sqs".to_owned()),
            ("FETTLE_QUEUE_BASE", base),
            ("FETTLE_COMPUTE", "lambda".to_owned()),
            ("FETTLE_SECRETS", "secretsmanager".to_owned()),
            ("FETTLE_SECRET_ID", format!("{name}/fernet")),
            ("FETTLE_NOTIFIER", "sns".to_owned()),
            ("FETTLE_TOPIC_ARN", format!("arn:aws:sns:us-east-1:000000000000:{name}-events")),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { directory, variables }
    }

    /// A program with the variables that name the resources, and none of the tester's.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FETTLE_")) {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().cloned()).stdin(Stdio::null());
        command
    }

    pub(crate) fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    pub(crate) fn variable(&self, name: &str) -> &str {
        self.variables().into_iter().find(|(found, _)| *found == name).unwrap().1
    }

    /// The directory where the admin's key is kept.
    pub(crate) fn data(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn admin_key(&self) -> String {
        std::fs::read_to_string(self.data().join("admin.key")).unwrap().trim().to_owned()
    }
}

/// The platform in one process on the resources.
pub(crate) struct OnAws {
    server: Server,
    _resources: Resources,
}

impl OnAws {
    pub(crate) fn new() -> Self {
        let resources = Resources::new();
        let server = Server::start(resources.data(), &resources.variables());
        Self { server, _resources: resources }
    }

    pub(crate) fn client(&self) -> Client {
        self.server.client()
    }
}
