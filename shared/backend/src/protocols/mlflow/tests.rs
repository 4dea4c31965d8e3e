use super::*;
use crate::problem::Kind;
use crate::protocols::samples::{limits, numeric, predicted, rows, species};
use serde_json::json;

fn asked(model: &Model, body: &Value) -> Result<Vec<Value>> {
    let request = crate::operation::read_json(body.to_string().as_bytes())?;
    let table = read(model, &limits(), &request)?;
    Ok(InvocationsAnswer::of(&model.predict(&table).unwrap()).predictions)
}

#[test]
fn every_form_of_the_same_rows_has_the_same_answer() {
    let model = species();
    let rows = rows(&model);
    let expected = InvocationsAnswer::of(&predicted(&model, &rows)).predictions;
    let fields: Vec<&str> = model.fields().iter().map(|field| field.name.as_str()).collect();
    // Another order than the model's, where names say which is which.
    let turned: Vec<&str> = fields.iter().rev().copied().collect();
    let data = |names: &[&str]| -> Vec<Vec<Value>> {
        rows.iter().map(|row| names.iter().map(|name| row[*name].clone()).collect()).collect()
    };
    let columns: Map<String, Value> = turned
        .iter()
        .map(|name| ((*name).to_owned(), rows.iter().map(|row| row[*name].clone()).collect()))
        .collect();
    let index: Vec<usize> = (0..rows.len()).collect();
    for body in [
        json!({"dataframe_split": {"columns": turned, "data": data(&turned)}}),
        json!({"dataframe_split": {"columns": fields, "index": index, "data": data(&fields)}}),
        json!({"dataframe_records": rows}),
        json!({"dataframe_records": rows, "params": {"temperature": 1}, "inputs": null}),
        json!({"instances": rows}),
        json!({"instances": data(&fields)}),
        json!({"instances": columns}),
        json!({"inputs": columns}),
        json!({"inputs": rows}),
        json!({"inputs": data(&fields)}),
    ] {
        assert_eq!(asked(&model, &body).unwrap(), expected, "{body}");
    }
    assert_eq!(asked(&model, &json!({"inputs": rows[0]})).unwrap(), expected[..1]);
}

#[test]
fn what_does_not_fit_is_told_with_its_place() {
    let model = numeric();
    for (body, kind, place, said) in [
        (json!({}), Kind::InvalidField, "body", "exactly one"),
        (
            json!({"inputs": [[1, 2, true]], "instances": [[1, 2, true]]}),
            Kind::InvalidField,
            "body",
            "exactly one",
        ),
        (json!({"rows": []}), Kind::InvalidField, "body", "unknown field `rows`"),
        (json!({"inputs": [[1, 2, true]], "params": 3}), Kind::InvalidField, "body", "invalid type"),
        (json!({"inputs": 3}), Kind::InvalidField, "inputs", "neither a list"),
        (json!({"inputs": []}), Kind::InvalidField, "rows", "no rows"),
        (json!({"inputs": vec![json!([1, 2, true]); 11]}), Kind::TooLarge, "rows", "more than the 10"),
        (json!({"instances": [[1, 2, true], [1, 2]]}), Kind::InvalidField, "instances[1]", "2 values"),
        (json!({"instances": [[1, 2, true], {"a": 1}]}), Kind::InvalidField, "instances[1]", "not a list"),
        (
            json!({"instances": [{"a": 1, "b": 2, "c": true}, [1]]}),
            Kind::InvalidField,
            "instances[1]",
            "not an object",
        ),
        (json!({"instances": [1, 2]}), Kind::InvalidField, "instances[0]", "takes 3"),
        (json!({"instances": [[1, 2.5, true]]}), Kind::Row, "instances[0].b", "whole number"),
        (json!({"instances": [{"a": 1, "b": 2}]}), Kind::Row, "instances[0].c", "no column"),
        (json!({"inputs": {"a": [1], "b": [2, 3], "c": [true]}}), Kind::InvalidField, "inputs.b", "2 values"),
        (json!({"inputs": {"a": [1], "b": [2]}}), Kind::Row, "inputs", "\"c\" is missing"),
        (json!({"inputs": {"a": [1], "b": [2], "c": [true], "d": [1]}}), Kind::Row, "inputs", "\"d\""),
        (json!({"inputs": {"a": ["long"], "b": [2], "c": [true]}}), Kind::Row, "inputs.a[0]", "\"long\""),
        (json!({"inputs": {"a": [], "b": [], "c": []}}), Kind::InvalidField, "rows", "no rows"),
        (
            json!({"dataframe_records": [{"a": 1, "b": 2, "c": "maybe"}]}),
            Kind::Row,
            "dataframe_records[0].c",
            "maybe",
        ),
        (
            json!({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}),
            Kind::Row,
            "dataframe_split.columns",
            "\"c\"",
        ),
        (
            json!({"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, 2, true], [1]]}}),
            Kind::InvalidField,
            "dataframe_split.data[1]",
            "1 values",
        ),
        (
            json!({"dataframe_split": {"columns": ["a", "b", "c"], "index": [0, 1], "data": [[1, 2, true]]}}),
            Kind::InvalidField,
            "dataframe_split.index",
            "not as long",
        ),
        (
            json!({"dataframe_split": {"columns": ["c", "b", "a"], "data": [[true, 2, "x"]]}}),
            Kind::Row,
            "dataframe_split.data[0].a",
            "\"x\"",
        ),
    ] {
        let problem = asked(&model, &body).unwrap_err();
        assert_eq!(problem.kind, kind, "{body}: {problem}");
        assert_eq!(problem.body().place.unwrap().field.as_deref(), Some(place), "{body}: {problem}");
        assert!(problem.detail().contains(said), "{body}: {problem}");
    }
}
