use super::*;
use crate::problem::Kind;
use crate::protocols::samples::{limits, numeric, predicted, rows, species, tame};
use proptest::prelude::*;
use serde_json::json;

fn table(model: &Model, body: &Value) -> Result<Table> {
    let request: InferRequest = crate::operation::read_json(body.to_string().as_bytes())?;
    read(model, &limits(), &request)
}

fn asked(model: &Model, body: &Value) -> Value {
    let request = serde_json::from_value(body.clone()).unwrap();
    let predictions = model.predict(&read(model, &limits(), &request).unwrap()).unwrap();
    json!(answer("m", Some(3), model, &predictions, &request))
}

/// Each column as a tensor, of the datatype that the metadata name.
fn columns(model: &Model, rows: &[Map<String, Value>]) -> Vec<Value> {
    let described = metadata("m", None, &crate::models::schema_of(model));
    let tensor = |input: &TensorMetadata| {
        let data: Vec<&Value> = rows.iter().map(|row| &row[&input.name]).collect();
        json!({"name": input.name, "shape": [rows.len()], "datatype": input.datatype, "data": data})
    };
    described.inputs.iter().map(tensor).collect()
}

#[test]
fn tensors_by_column_are_answered_as_rows_are() {
    for model in [species(), tame()] {
        let rows = rows(&model);
        let mut inputs = columns(&model, &rows);
        inputs.reverse();
        inputs[0]["shape"] = json!([rows.len(), 1]);
        let got = asked(&model, &json!({"id": "42", "parameters": {"x": 1}, "inputs": inputs}));
        let expected = predicted(&model, &rows);
        assert_eq!(
            (&got["id"], &got["model_name"], &got["model_version"]),
            (&json!("42"), &json!("m"), &json!("3"))
        );
        let [labels, probabilities] = got["outputs"].as_array().unwrap().as_slice() else { panic!("{got}") };
        let names: Vec<Value> = (0..rows.len()).map(|row| expected.value(row)).collect();
        assert_eq!(labels["data"], json!(names));
        let kind = if model.classes() == ["false", "true"] { "BOOL" } else { "BYTES" };
        assert_eq!((&labels["datatype"], &labels["shape"]), (&json!(kind), &json!([rows.len()])));
        assert_eq!(probabilities["shape"], json!([rows.len(), model.classes().len()]));
        assert_eq!(probabilities["parameters"]["classes"], json!(model.classes()).to_string());
        let flat: Vec<Value> = (0..rows.len())
            .flat_map(|row| {
                let of_row = expected.probabilities(row).unwrap();
                model.classes().iter().map(|class| json!(of_row[class])).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(probabilities["data"], json!(flat));
    }
}

#[test]
fn a_matrix_is_read_in_the_order_of_the_inputs() {
    let model = numeric();
    let by_column = json!([
        {"name": "c", "shape": [2], "datatype": "BOOL", "data": [true, null]},
        {"name": "b", "shape": [2], "datatype": "INT8", "data": [4, 5]},
        {"name": "a", "shape": [2], "datatype": "FP32", "data": [1.5, "NaN"]},
    ]);
    let expected = asked(&model, &json!({"inputs": by_column}));
    assert_eq!(expected["outputs"].as_array().unwrap().len(), 1, "a regression has no probabilities");
    assert_eq!(expected["outputs"][0]["datatype"], "FP64");
    for data in [json!([1.5, 4, 1, null, 5, null]), json!([[1.5, 4, 1], ["nan", 5, null]])] {
        let matrix = json!([{"name": "rows", "shape": [2, 3], "datatype": "FP64", "data": data}]);
        assert_eq!(asked(&model, &json!({"inputs": matrix})), expected);
    }
}

#[test]
fn outputs_are_what_was_asked_for() {
    let model = species();
    let inputs = columns(&model, &rows(&model));
    let names = |outputs: Value| -> Vec<String> {
        let got = asked(&model, &json!({"inputs": inputs, "outputs": outputs}));
        let outputs = got["outputs"].as_array().unwrap().iter();
        outputs.map(|output| output["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(json!([])), ["prediction", "probabilities"]);
    assert_eq!(names(json!([{"name": "probabilities"}])), ["probabilities"]);
    assert_eq!(
        names(json!([{"name": "probabilities"}, {"name": "prediction"}])),
        ["probabilities", "prediction"]
    );
    let unknown = table(&model, &json!({"inputs": inputs, "outputs": [{"name": "logits"}]})).unwrap_err();
    assert!(unknown.detail().contains("logits"), "{unknown}");
    let of_numbers = table(&numeric(), &json!({"inputs": [], "outputs": [{"name": "probabilities"}]}));
    assert!(of_numbers.unwrap_err().detail().contains("probabilities"));
}

#[test]
fn what_does_not_fit_names_the_tensor() {
    let model = numeric();
    let tensor = |name: &str, shape: Value, datatype: &str, data: Value| json!({"name": name, "shape": shape, "datatype": datatype, "data": data});
    let with = |a: Value| json!({"inputs": [a, tensor("b", json!([1]), "INT64", json!([1])), tensor("c", json!([1]), "BOOL", json!([true]))]});
    let a = |shape: Value, datatype: &str, data: Value| with(tensor("a", shape, datatype, data));
    let matrix =
        |shape: Value, datatype: &str, data: Value| json!({"inputs": [tensor("m", shape, datatype, data)]});
    assert!(table(&model, &a(json!([1]), "FP64", json!([1.5]))).is_ok());
    for (body, kind, place, said) in [
        (json!({"inputs": []}), Kind::Row, "inputs", "\"a\" is missing"),
        (a(json!([2]), "FP64", json!([1, 2])), Kind::InvalidField, "inputs[1].shape", "\"b\" has 1 rows"),
        (a(json!([1]), "FP16", json!([1])), Kind::InvalidField, "inputs[0].datatype", "\"FP16\""),
        (a(json!([1]), "FP64", json!(1)), Kind::InvalidField, "inputs[0].data", "not a list"),
        (a(json!([1]), "FP64", json!([1, 2])), Kind::InvalidField, "inputs[0].data", "2 elements"),
        (a(json!([1]), "FP64", json!([[1]])), Kind::InvalidField, "inputs[0].data", "too deep"),
        (a(json!([1, 1]), "FP64", json!([[1, 2]])), Kind::InvalidField, "inputs[0].data", "a list of 2"),
        (a(json!([1, 1, 1]), "FP64", json!([1])), Kind::InvalidField, "inputs[0].shape", "[1, 1, 1]"),
        (a(json!([]), "FP64", json!([1])), Kind::InvalidField, "inputs[0].shape", "[]"),
        (a(json!([1]), "FP64", json!(["long"])), Kind::InvalidField, "inputs[0].data[0]", "\"long\""),
        (a(json!([1]), "FP32", json!([1e39])), Kind::InvalidField, "inputs[0].data[0]", "FP32"),
        (a(json!([1]), "INT8", json!([128])), Kind::InvalidField, "inputs[0].data[0]", "128"),
        (a(json!([1]), "UINT16", json!([-1])), Kind::InvalidField, "inputs[0].data[0]", "-1"),
        (a(json!([1]), "INT32", json!([1.5])), Kind::InvalidField, "inputs[0].data[0]", "1.5"),
        (a(json!([1]), "BOOL", json!([1])), Kind::InvalidField, "inputs[0].data[0]", "BOOL"),
        (a(json!([1]), "BOOL", json!([true])), Kind::Row, "inputs[0].data[0]", "the boolean true"),
        (a(json!([1]), "BYTES", json!(["1.5"])), Kind::Row, "inputs[0].data[0]", "\"1.5\""),
        (a(json!([1_u64 << 63]), "FP64", json!([1])), Kind::TooLarge, "rows", "10"),
        (a(json!([11]), "FP64", json!([1])), Kind::TooLarge, "rows", "10"),
        (a(json!([0]), "FP64", json!([])), Kind::InvalidField, "rows", "no rows"),
        (with(tensor("d", json!([1]), "FP64", json!([1]))), Kind::Row, "inputs", "\"a\" is missing"),
        (matrix(json!([1, 2]), "FP64", json!([1, 2])), Kind::Row, "inputs", "\"a\" is missing"),
        (
            matrix(json!([1, 3]), "FP64", json!([1, 2.5, 0])),
            Kind::Row,
            "inputs[0].data[0][1]",
            "whole number",
        ),
        (matrix(json!([1, 3]), "FP64", json!([1, 2, 3])), Kind::Row, "inputs[0].data[0][2]", "boolean"),
        (matrix(json!([11, 3]), "FP64", json!([1])), Kind::TooLarge, "rows", "10"),
        (json!({"inputs": [tensor("m", json!([-1]), "FP64", json!([1]))]}), Kind::InvalidField, "body", "-1"),
    ] {
        let problem = table(&model, &body).unwrap_err();
        assert_eq!(problem.kind, kind, "{body}: {problem}");
        assert_eq!(problem.body().place.unwrap().field.as_deref(), Some(place), "{body}: {problem}");
        assert!(problem.detail().contains(said), "{body}: {problem}");
    }
    let twice = json!({"inputs": [tensor("a", json!([1]), "FP64", json!([1])), tensor("a", json!([1]), "FP64", json!([1]))]});
    assert!(table(&model, &twice).unwrap_err().detail().contains("twice"));
}

#[test]
fn the_ends_of_each_range_are_within_it() {
    for (datatype, within, beyond) in [
        ("INT8", json!([-128, 127]), json!([-129, 128])),
        ("INT16", json!([-32768, 32767]), json!([-32769, 32768])),
        ("INT32", json!([i32::MIN, i32::MAX]), json!([i64::from(i32::MIN) - 1, i64::from(i32::MAX) + 1])),
        ("INT64", json!([i64::MIN, i64::MAX]), json!([i64::MAX as u64 + 1])),
        ("UINT8", json!([0, 255]), json!([-1, 256])),
        ("UINT16", json!([0, 65535]), json!([-1, 65536])),
        ("UINT32", json!([0, u32::MAX]), json!([-1, u64::from(u32::MAX) + 1])),
        ("UINT64", json!([0, u64::MAX]), json!([-1])),
        ("FP32", json!([f32::MIN, f32::MAX]), json!([f64::MAX])),
        ("FP64", json!([f64::MIN, f64::MAX]), json!([])),
    ] {
        let one = |value: &Value| {
            let tensor = json!({"name": "a", "shape": [1], "datatype": datatype, "data": [value]});
            let tensor: InputTensor = serde_json::from_value(tensor).unwrap();
            Elements::of(&tensor, 0).is_ok()
        };
        assert!(within.as_array().unwrap().iter().all(one), "{datatype}");
        assert!(!beyond.as_array().unwrap().iter().any(one), "{datatype}");
        assert!(one(&Value::Null), "{datatype}");
    }
}

proptest! {
    #[test]
    fn nested_data_are_flat_data(
        rows in prop::collection::vec((-1e6..1e6_f64, -100..100_i64, any::<bool>()), 1..10),
    ) {
        let model = numeric();
        let nested: Vec<Value> = rows.iter().map(|(a, b, c)| json!([a, b, u8::from(*c)])).collect();
        let flat: Vec<Value> = nested.iter().flat_map(|row| row.as_array().unwrap().clone()).collect();
        let matrix = |data: &[Value]| {
            json!({"inputs": [{"name": "m", "shape": [rows.len(), 3], "datatype": "FP64", "data": data}]})
        };
        let of_nested = table(&model, &matrix(&nested)).unwrap();
        prop_assert_eq!(&of_nested, &table(&model, &matrix(&flat)).unwrap());
        let column = |name: &str, datatype: &str, data: Vec<Value>| {
            json!({"name": name, "shape": [rows.len()], "datatype": datatype, "data": data})
        };
        let columns = json!({"inputs": [
            column("a", "FP64", rows.iter().map(|row| json!(row.0)).collect()),
            column("b", "INT64", rows.iter().map(|row| json!(row.1)).collect()),
            column("c", "BOOL", rows.iter().map(|row| json!(row.2)).collect()),
        ]});
        prop_assert_eq!(&of_nested, &table(&model, &columns).unwrap());
    }
}
