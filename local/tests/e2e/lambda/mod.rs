//! What AWS does around the functions: starts the programs that are shipped, unmodified, behind a Lambda
//! Runtime API; passes on requests as API Gateway does, messages as SQS's event source mappings do (each
//! twice, in any order), and the clock.

mod api_gateway;
mod events;
mod function;
mod mappings;
pub(crate) mod spy;

use crate::client::Client;
use crate::resources::Resources;
use function::Function;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// An operation as `operations.json` has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) entry: Entry,
    pub(crate) permission: String,
    pub(crate) timeout_s: u64,
    pub(crate) uses: Vec<String>,
}

/// What calls it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    Http { method: String, path: String },
    Queue(String),
    Clock,
    Authorizer,
    Operator,
}

/// The registry that Terraform reads.
pub(crate) fn registry() -> Vec<Described> {
    serde_json::from_str(include_str!("../../../../infra/terraform/operations.json")).unwrap()
}

/// The program of a function's package, beside the one under test.
pub(crate) fn program(package: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_BIN_EXE_fettle")).parent().unwrap().to_owned();
    let program = directory.join(format!("fettle-{package}"));
    assert!(program.is_file(), "{} is not built: cargo build --workspace --bins", program.display());
    program
}

/// The platform as Lambda functions.
pub(crate) struct Functions {
    url: String,
    pub(crate) resources: Resources,
    pub(crate) by_name: Arc<HashMap<String, Arc<Function>>>,
    // Last: what is spawned on it ends before what it uses is gone.
    _runtime: Runtime,
}

impl Functions {
    pub(crate) fn new() -> Self {
        let resources = Resources::new();
        let runtime = Runtime::new().unwrap();
        let functions: HashMap<String, Arc<Function>> = registry()
            .into_iter()
            .map(|operation| {
                let name = operation.name.clone();
                (name, Arc::new(runtime.block_on(Function::new(operation, &resources))))
            })
            .collect();
        let functions = Arc::new(functions);
        let url = runtime.block_on(api_gateway::serve(Arc::clone(&functions)));
        for function in functions.values() {
            let function = Arc::clone(function);
            match function.operation.entry.clone() {
                Entry::Queue(queue) => {
                    let address = format!("{}{queue}", resources.variable("FETTLE_QUEUE_BASE"));
                    runtime.spawn(mappings::deliver(function, address));
                }
                Entry::Clock => {
                    runtime.spawn(mappings::tick(function));
                }
                Entry::Http { .. } | Entry::Authorizer | Entry::Operator => {}
            }
        }
        Self { url, resources, by_name: functions, _runtime: runtime }
    }

    /// A client with the admin's key.
    pub(crate) fn client(&self) -> Client {
        Client { url: self.url.clone(), key: Some(self.resources.admin_key()) }
    }
}
