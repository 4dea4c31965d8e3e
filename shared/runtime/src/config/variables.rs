//! Every variable that there is.

/// A variable of the environment.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its value when it is not set; empty when there is none.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn variable(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning }
}

/// Every variable that there is. `.env.example` says the same, and a test holds the two together.
pub const VARIABLES: &[Variable] = &[
    variable(
        "FETTLE_ENV",
        "development",
        "development, or production: refuses parts that are for one person only",
    ),
    variable("FETTLE_DATA", "./.fettle", "the directory that holds everything"),
    variable("FETTLE_HOST", "127.0.0.1", "the address to listen on"),
    variable("FETTLE_PORT", "8080", "the port to listen on; 0 for any that is free"),
    variable(
        "FETTLE_PUBLIC_URL",
        "",
        "how clients reach the platform, for upload addresses; http://HOST:PORT if empty",
    ),
    variable("FETTLE_WORKERS", "", "trials at the same time; one a core if empty"),
    variable("FETTLE_STORAGE", "files", "where data sets and artifacts are: files, or s3"),
    variable("FETTLE_BUCKET", "", "with s3: the bucket"),
    variable(
        "FETTLE_S3_PUBLIC_URL",
        "",
        "with s3: how clients reach it, for upload addresses; as the platform does if empty",
    ),
    variable("FETTLE_DATABASE", "sqlite", "where all state is: sqlite, or dynamodb"),
    variable("FETTLE_TABLE", "", "with dynamodb: the table"),
    variable("FETTLE_SECRETS", "file", "where the Fernet key is: file, or secretsmanager"),
    variable("FETTLE_KEY_FILE", "", "with file: the key's file; keys/fernet.key in FETTLE_DATA if empty"),
    variable("FETTLE_SECRET_ID", "", "with secretsmanager: the secret's name or ARN"),
    variable("FETTLE_AUTH", "keys", "who may call: keys, or oidc: keys and an issuer's tokens"),
    variable("FETTLE_OIDC_ISSUER", "", "with oidc: the issuer, as its tokens name it"),
    variable("FETTLE_OIDC_AUDIENCE", "", "with oidc: whom its tokens are for"),
    variable(
        "FETTLE_OIDC_WORKSPACE_CLAIM",
        "",
        "with oidc: the claim that names the workspace; default if empty",
    ),
    variable("FETTLE_OIDC_ROLE_CLAIM", "fettle_role", "with oidc: the claim that gives the role"),
    variable(
        "FETTLE_OIDC_ROLES",
        "",
        "with oidc: what the role claim's values mean, as data-team=editor,ops=admin; the roles' own names if empty",
    ),
    variable("FETTLE_QUEUE", "sqlite", "where messages wait: sqlite, or sqs"),
    variable(
        "FETTLE_QUEUE_BASE",
        "",
        "with sqs: what all queues' addresses begin with, as https://sqs.REGION.amazonaws.com/ACCOUNT/fettle-",
    ),
    variable(
        "FETTLE_COMPUTE",
        "threads",
        "where trials run: threads of this process, or lambda: whoever takes them from SQS",
    ),
    variable("FETTLE_NOTIFIER", "log", "who is told of events: log, webhook, or sns"),
    variable("FETTLE_WEBHOOK_URL", "", "with webhook: the address to post to"),
    variable("FETTLE_TOPIC_ARN", "", "with sns: the topic"),
    variable(
        "FETTLE_MIRROR",
        "",
        "a directory that is kept equal to the database and the storage, for an emulator that forgets; none if empty",
    ),
    variable(
        "FETTLE_ALLOWED_HOSTS",
        "",
        "hosts, comma-separated, that may be called although their address is private",
    ),
    variable("FETTLE_MAX_UPLOAD_BYTES", "1073741824", "the largest file that may be uploaded"),
    variable("FETTLE_MAX_TABLE_BYTES", "4294967296", "the largest table, decompressed"),
    variable("FETTLE_MAX_ROWS", "10000000", "the most rows of a table"),
    variable("FETTLE_MAX_COLUMNS", "2000", "the most columns of a table"),
    variable("FETTLE_MAX_PREDICT_ROWS", "10000", "the most rows in one request for predictions"),
    variable("FETTLE_MODEL_CACHE_BYTES", "268435456", "models kept in memory"),
    variable(
        "FETTLE_TRIAL_MEMORY_MB",
        "",
        "what a trial may take of the memory; three quarters of the machine's, or the Lambda function's, if empty",
    ),
    variable(
        "FETTLE_LOG",
        "warn",
        "what is logged: error, warn, info, debug, or a filter like fettle_backend=debug",
    ),
    variable("FETTLE_LOG_FORMAT", "text", "text, or json: one object a line"),
    variable("FETTLE_URL", "", "the command line: the platform to talk to; the one in FETTLE_DATA if empty"),
    variable("FETTLE_KEY", "", "the command line: the key to use; the one in FETTLE_DATA if empty"),
];
