//! The API's description (`OpenAPI` 3.1), made from the registry.

use crate::error_form::ErrorForm;
use crate::operation::{Entry, Operation};
use crate::permission::Permission;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The description of all operations that are called by requests.
pub fn describe(operations: &[Operation]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let errors: Map<String, Value> = ErrorForm::ALL
        .iter()
        .map(|form| {
            let schema = form.schema()(&mut schemas);
            let content = json!({ form.content_type(): { "schema": schema } });
            (form.name().to_owned(), json!({ "description": "What is wrong", "content": content }))
        })
        .collect();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let Entry::Http { method, path } = operation.entry else { continue };
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method.to_ascii_lowercase()] = described(operation, method, path, &mut schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fettle",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Train, register, deploy, predict. Errors are RFC 9457 problem details, but where \
                            an operation speaks another protocol.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "responses": errors,
            "schemas": schemas.take_definitions(true)
        }
    })
}

fn described(operation: &Operation, method: &str, path: &str, schemas: &mut SchemaGenerator) -> Value {
    let mut described = json!({
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.name.split('.').next()],
        "parameters": parameters(operation, path),
        "responses": responses(operation, method, path, schemas),
        "x-permission": operation.permission,
    });
    if let Some(schema) = operation.takes {
        let schema = schema(schemas);
        let content = content(Some(json!(schema)), operation.takes_media);
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    if operation.permission == Permission::Open {
        described["security"] = json!([]);
    }
    described
}

fn parameters(operation: &Operation, path: &str) -> Vec<Value> {
    let mut parameters: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(operation.query.iter().map(|(name, meaning)| {
        json!({ "name": name, "in": "query", "description": meaning, "schema": { "type": "string" } })
    }));
    if operation.idempotency_key {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "schema": { "type": "string", "maxLength": 255 },
            "description": "A second request with the same key gives the first one's result."
        }));
    }
    parameters
}

fn responses(
    operation: &Operation,
    method: &str,
    path: &str,
    schemas: &mut SchemaGenerator,
) -> Map<String, Value> {
    let (status, gives) = operation.gives;
    let content = content(gives.map(|schema| json!(schema(schemas))), operation.gives_media);
    let mut success = json!({ "description": operation.summary });
    if !content.is_empty() {
        success["content"] = Value::Object(content);
    }
    let problem = json!({ "$ref": format!("#/components/responses/{}", operation.errors.name()) });
    let successes = [status].into_iter().chain(operation.also_gives.iter().copied());
    let problems = problem_statuses(operation.permission, method, path);
    successes
        .map(|status| (status.to_string(), success.clone()))
        .chain(problems.into_iter().map(|status| (status.to_string(), problem.clone())))
        .collect()
}

/// JSON of a schema, and bytes of other media types.
fn content(schema: Option<Value>, media: &[&str]) -> Map<String, Value> {
    let own = schema.map(|schema| ("application/json".to_owned(), json!({ "schema": schema })));
    own.into_iter().chain(media.iter().map(|media| ((*media).to_owned(), json!({})))).collect()
}

/// The statuses of the problems that an operation may answer with.
fn problem_statuses(permission: Permission, method: &str, path: &str) -> Vec<u16> {
    let (reads, names) = (method == "GET", path.contains('{'));
    let mut statuses = vec![400];
    if permission != Permission::Open {
        statuses.extend([401, 403]);
    }
    if names || !reads {
        statuses.extend([404, 409]);
    }
    if matches!(method, "PUT" | "PATCH" | "DELETE") {
        statuses.push(412);
    }
    // A body that nobody asked for is read too.
    statuses.extend([413, 422, 429, 500, 503]);
    statuses
}
