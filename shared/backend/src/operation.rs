//! An operation: one thing that the platform does, as one value.
//!
//! The list of all operations is the source of the gateway's routes, of the API's description and of
//! the functions that Terraform makes.

use crate::app::App;
use crate::error_form::ErrorForm;
use crate::permission::Permission;
use crate::ports::{Caller, Delivery, QueueName};
use crate::problem::{Kind, Problem, Result};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

/// What a handler gives: a reply, or the problem that the caller is told.
pub type Handled<'a> = Pin<Box<dyn Future<Output = Result<Reply>> + Send + 'a>>;

/// `async fn(&App, Call) -> Result<Reply, Problem>`, as a value.
pub type Handler = for<'a> fn(&'a App, Call) -> Handled<'a>;

/// A type's JSON Schema.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What calls an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A request: the method and the path, with `{name}` for its parameters.
    Http {
        /// `GET`, `POST`, …
        method: &'static str,
        /// Such as `/v1/datasets/{dataset}`.
        path: &'static str,
    },
    /// A message, one at a time.
    Queue(QueueName),
    /// The clock, every minute or oftener.
    Clock,
    /// A request to be let in: what API Gateway asks before it calls another operation.
    Authorizer,
    /// An operator with the right to call the Lambda function itself.
    Operator,
}

/// What an operation does to the outside: the role of its Lambda function allows this and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Use {
    /// Reads the database.
    ReadState,
    /// Writes the database.
    WriteState,
    /// Reads stored objects, itself or by addresses that it gives.
    ReadObjects,
    /// Writes stored objects, itself or by addresses that it gives.
    WriteObjects,
    /// Removes stored objects.
    DeleteObjects,
    /// Lists stored objects.
    ListObjects,
    /// Puts messages on a queue.
    Send(QueueName),
    /// Counts the messages of all queues, lists their dead letters and puts them back.
    TendQueues,
    /// Reads the key ring, and makes it at the first use.
    Keys,
    /// Tells people and systems.
    Notify,
}

impl Use {
    /// The name in `operations.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Use::ReadState => "state.read",
            Use::WriteState => "state.write",
            Use::ReadObjects => "objects.read",
            Use::WriteObjects => "objects.write",
            Use::DeleteObjects => "objects.delete",
            Use::ListObjects => "objects.list",
            Use::Send(QueueName::Ingest) => "queue.send.ingest",
            Use::Send(QueueName::Trial) => "queue.send.trial",
            Use::Send(QueueName::Notify) => "queue.send.notify",
            Use::Send(QueueName::Served) => "queue.send.served",
            Use::Send(QueueName::Batch) => "queue.send.batch",
            Use::TendQueues => "queues.tend",
            Use::Keys => "keys",
            Use::Notify => "notify",
        }
    }
}

/// One thing that the platform does.
pub struct Operation {
    /// `capability.verb`: the name of its Lambda function, its log group and its audit entries.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What calls it.
    pub entry: Entry,
    /// What a caller needs.
    pub permission: Permission,
    /// Its Lambda's memory, in MB.
    pub memory_mb: u32,
    /// Its Lambda's time limit, in seconds.
    pub timeout_s: u32,
    /// What does it.
    pub handler: Handler,
    /// The query parameters: name and meaning.
    pub query: &'static [(&'static str, &'static str)],
    /// The schema of its JSON body.
    pub takes: Option<SchemaOf>,
    /// Media types that its body may be of, beside JSON.
    pub takes_media: &'static [&'static str],
    /// The status of success, and the schema of its JSON.
    pub gives: (u16, Option<SchemaOf>),
    /// Media types that its answer may be of, beside JSON.
    pub gives_media: &'static [&'static str],
    /// Further statuses of success, with the same answer.
    pub also_gives: &'static [u16],
    /// The form of its errors.
    pub errors: ErrorForm,
    /// Whether a second call with the same `Idempotency-Key` gives the first one's result.
    pub idempotency_key: bool,
    /// What it does to the outside.
    pub uses: &'static [Use],
}

impl Operation {
    fn new(name: &'static str, entry: Entry, permission: Permission, handler: Handler) -> Self {
        Self {
            name,
            summary: "",
            entry,
            permission,
            memory_mb: 256,
            timeout_s: 10,
            handler,
            query: &[],
            takes: None,
            takes_media: &[],
            gives: (200, None),
            gives_media: &[],
            also_gives: &[],
            errors: ErrorForm::Problem,
            idempotency_key: false,
            uses: &[],
        }
    }

    /// An operation called by a request.
    pub fn http(
        name: &'static str,
        method: &'static str,
        path: &'static str,
        permission: Permission,
        handler: Handler,
    ) -> Self {
        Self::new(name, Entry::Http { method, path }, permission, handler)
    }

    /// An operation called by the messages of a queue.
    pub fn queue(name: &'static str, queue: QueueName, handler: Handler) -> Self {
        Self::new(name, Entry::Queue(queue), Permission::Internal, handler)
    }

    /// An operation called by the clock.
    pub fn clock(name: &'static str, handler: Handler) -> Self {
        Self::new(name, Entry::Clock, Permission::Internal, handler)
    }

    /// An operation that tells API Gateway who is calling.
    pub fn authorizer(name: &'static str, handler: Handler) -> Self {
        Self::new(name, Entry::Authorizer, Permission::Internal, handler)
    }

    /// An operation for whoever may call its Lambda function.
    pub fn operator(name: &'static str, handler: Handler) -> Self {
        Self::new(name, Entry::Operator, Permission::Internal, handler)
    }

    /// With its one-line description.
    #[must_use]
    pub fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// With its Lambda's memory in MB and time limit in seconds.
    #[must_use]
    pub fn size(mut self, memory_mb: u32, timeout_s: u32) -> Self {
        self.memory_mb = memory_mb;
        self.timeout_s = timeout_s;
        self
    }

    /// With what it does to the outside.
    #[must_use]
    pub fn uses(mut self, uses: &'static [Use]) -> Self {
        self.uses = uses;
        self
    }

    /// With its query parameters.
    #[must_use]
    pub fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    /// With the type of its JSON body.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.takes = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// With the status and type of its JSON answer.
    #[must_use]
    pub fn gives<T: JsonSchema>(mut self, status: u16) -> Self {
        self.gives = (status, Some(SchemaGenerator::subschema_for::<T>));
        self
    }

    /// Taking bodies of these media types too.
    #[must_use]
    pub fn takes_media(mut self, types: &'static [&'static str]) -> Self {
        self.takes_media = types;
        self
    }

    /// Giving answers of these media types too.
    #[must_use]
    pub fn gives_media(mut self, types: &'static [&'static str]) -> Self {
        self.gives_media = types;
        self
    }

    /// Giving the same answer with these statuses too.
    #[must_use]
    pub fn also_gives(mut self, statuses: &'static [u16]) -> Self {
        self.also_gives = statuses;
        self
    }

    /// With errors of that form.
    #[must_use]
    pub fn errors(mut self, form: ErrorForm) -> Self {
        self.errors = form;
        self
    }

    /// With an answer of that status and no JSON.
    #[must_use]
    pub fn gives_status(mut self, status: u16) -> Self {
        self.gives = (status, None);
        self
    }

    /// Honouring `Idempotency-Key`.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotency_key = true;
        self
    }
}

/// One call of an operation.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// Who calls; none where the operation is open or the platform calls itself.
    pub caller: Option<Caller>,
    /// The path's parameters, decoded.
    pub path: BTreeMap<&'static str, String>,
    /// The query's parameters, decoded.
    pub query: BTreeMap<String, String>,
    /// The body's media type, lower case, without parameters.
    pub content_type: Option<String>,
    /// `Accept`: the media types that the caller takes.
    pub accept: Option<String>,
    /// `Authorization`: only for the operation that tells who is calling.
    pub authorization: Option<String>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// `If-Match`: the revision that the caller means to change.
    pub if_match: Option<String>,
    /// `Fettle-Sticky`: whoever sends the same is answered by the same variant.
    pub sticky: Option<String>,
    /// The body: a request's bytes, or a message's JSON.
    pub body: Vec<u8>,
    /// How often the message has been delivered, from 1; 0 for requests.
    pub attempt: u32,
    /// When the call is stopped from outside, if it is: long work gives itself back before.
    pub deadline: Option<Timestamp>,
    /// Names the call in the log and in a problem.
    pub request_id: String,
}

impl Call {
    /// The call that a message is.
    pub fn message(delivery: &Delivery) -> Self {
        Self {
            body: delivery.body.to_string().into_bytes(),
            attempt: delivery.attempt,
            request_id: delivery.id.clone(),
            ..Self::default()
        }
    }

    /// Who calls; a problem if nobody does.
    pub fn caller(&self) -> Result<&Caller> {
        self.caller.as_ref().ok_or_else(|| Problem::new(Kind::Unauthenticated, "this needs a key"))
    }

    /// The caller's workspace.
    pub fn workspace(&self) -> Result<&str> {
        Ok(&self.caller()?.workspace)
    }

    /// A parameter of the path.
    pub fn path(&self, name: &'static str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// The body as JSON of a type. An error names the place in the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        read_json(&self.body)
    }

    /// A query parameter as a number or another plain type.
    pub fn query<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        self.query
            .get(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    let shown: String = text.chars().take(64).collect();
                    Problem::invalid(name, format!("`{shown}` is not a value that `{name}` can take"))
                })
            })
            .transpose()
    }
}

/// A body as JSON of a type. An error names the place in the body.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    if body.is_empty() {
        return Err(Problem::new(Kind::Malformed, "the body is empty").remedy("send a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::invalid("body", error.to_string())
            .remedy("GET /openapi.json describes every operation's body"),
        _ => Problem::new(Kind::Malformed, format!("the body is not JSON: {error}")),
    })
}

/// What an operation answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body's media type.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// JSON with a status.
    pub fn json<T: Serialize>(status: u16, value: &T) -> Result<Self> {
        let body = serde_json::to_vec(value).map_err(Problem::internal)?;
        Ok(Self { status, content_type: "application/json", headers: Vec::new(), body })
    }

    /// 200 with JSON.
    pub fn ok<T: Serialize>(value: &T) -> Result<Self> {
        Self::json(200, value)
    }

    /// 200 with text of another type.
    pub fn text(content_type: &'static str, text: String) -> Self {
        Self { status: 200, content_type, headers: Vec::new(), body: text.into_bytes() }
    }

    /// No body: 204, or the end of a message's work.
    pub fn done() -> Self {
        Self { status: 204, content_type: "application/json", headers: Vec::new(), body: Vec::new() }
    }

    /// 302 to another address.
    pub fn redirect(url: String) -> Self {
        Self {
            status: 302,
            content_type: "application/json",
            headers: vec![("location", url)],
            body: Vec::new(),
        }
    }

    /// With the revision that `If-Match` takes.
    #[must_use]
    pub fn revision(mut self, revision: u64) -> Self {
        self.headers.push(("etag", format!("\"{revision}\"")));
        self
    }
}
