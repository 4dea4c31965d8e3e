//! The API's description (`OpenAPI` 3.1), made from the registry.

use crate::operation::{Entry, Operation};
use crate::permission::Permission;
use crate::problem::ProblemBody;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The description of all operations that are called by requests.
pub fn describe(operations: &[Operation]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let problem = schemas.subschema_for::<ProblemBody>();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let Entry::Http { method, path } = operation.entry else { continue };
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
        let (status, gives) = operation.gives;
        let mut success = json!({ "description": operation.summary });
        if let Some(schema) = gives {
            success["content"] = json!({ "application/json": { "schema": schema(&mut schemas) } });
        }
        let mut described = json!({
            "operationId": operation.name,
            "summary": operation.summary,
            "tags": [operation.name.split('.').next()],
            "parameters": parameters,
            "responses": {
                status.to_string(): success,
                "default": {
                    "description": "A problem",
                    "content": { "application/problem+json": { "schema": problem } }
                }
            },
            "x-permission": operation.permission,
        });
        if let Some(schema) = operation.takes {
            described["requestBody"] = json!({
                "required": true, "content": { "application/json": { "schema": schema(&mut schemas) } }
            });
        }
        if operation.permission == Permission::Open {
            described["security"] = json!([]);
        }
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method.to_ascii_lowercase()] = described;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fettle",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Train, register, deploy, predict. Errors are RFC 9457 problem details.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas.take_definitions(true)
        }
    })
}
