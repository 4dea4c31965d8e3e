//! What does not fit is refused by each door in its own form, with the column, row or tensor named.

use crate::client::{Client, Got, Platform, Served};
use serde_json::{Map, Value, json};

/// The form of a door's errors.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Problem,
    Mlflow,
    Inference,
}

impl Form {
    /// Holds an answer to the form.
    #[track_caller]
    fn holds(self, got: &Got, status: u16, said: &[&str]) {
        match self {
            Form::Problem => {
                let problem = got.json(status);
                let kind = problem["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
                got.problem(status, &kind, said);
            }
            Form::Mlflow => got.mlflow_error(status, said),
            Form::Inference => got.inference_error(status, said),
        }
    }
}

/// A way to ask a model, and how rows are written for it.
struct Door {
    form: Form,
    path: &'static str,
    content_type: &'static str,
    write: fn(&[&Map<String, Value>]) -> String,
}

fn names(rows: &[&Map<String, Value>]) -> Vec<String> {
    rows[0].keys().cloned().collect()
}

fn lists(rows: &[&Map<String, Value>]) -> Vec<Vec<Value>> {
    rows.iter().map(|row| row.values().cloned().collect()).collect()
}

fn csv(rows: &[&Map<String, Value>]) -> String {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let line = |row: &&Map<String, Value>| row.values().map(cell).collect::<Vec<_>>().join(",") + "\n";
    format!("{}\n{}", names(rows).join(","), rows.iter().map(line).collect::<String>())
}

fn tensors(rows: &[&Map<String, Value>]) -> String {
    let tensor = |name: &String| {
        let data: Vec<&Value> = rows.iter().filter_map(|row| row.get(name)).collect();
        let datatype = if matches!(name.as_str(), "island" | "sex") { "BYTES" } else { "FP64" };
        json!({"name": name, "shape": [data.len()], "datatype": datatype, "data": data})
    };
    json!({"inputs": names(rows).iter().map(tensor).collect::<Vec<_>>()}).to_string()
}

const JSON: &str = "application/json";

/// Every door of a deployment.
const DOORS: &[Door] = &[
    Door {
        form: Form::Problem,
        path: "/v1/deployments/penguins/predict",
        content_type: JSON,
        write: |rows| json!({ "rows": rows }).to_string(),
    },
    Door {
        form: Form::Problem,
        path: "/v1/deployments/penguins/predict",
        content_type: "text/csv",
        write: csv,
    },
    Door {
        form: Form::Mlflow,
        path: "/v1/deployments/penguins/invocations",
        content_type: JSON,
        write: |rows| json!({"dataframe_split": {"columns": names(rows), "data": lists(rows)}}).to_string(),
    },
    Door {
        form: Form::Mlflow,
        path: "/v1/deployments/penguins/invocations",
        content_type: JSON,
        write: |rows| json!({ "instances": rows }).to_string(),
    },
    Door {
        form: Form::Mlflow,
        path: "/v1/deployments/penguins/invocations",
        content_type: "text/csv",
        write: csv,
    },
    Door { form: Form::Inference, path: "/v2/models/penguins/infer", content_type: JSON, write: tensors },
];

/// The doors of a file that is served by itself.
const ALONE: &[Door] = &[
    Door {
        form: Form::Mlflow,
        path: "/invocations",
        content_type: JSON,
        write: |rows| json!({ "rows": rows }).to_string(),
    },
    Door {
        form: Form::Mlflow,
        path: "/invocations",
        content_type: JSON,
        write: |rows| json!({ "inputs": rows }).to_string(),
    },
    Door { form: Form::Mlflow, path: "/invocations", content_type: "text/csv", write: csv },
    Door { form: Form::Inference, path: "/v2/models/penguins-1/infer", content_type: JSON, write: tensors },
];

impl Door {
    fn ask(&self, client: &Client, rows: &[&Map<String, Value>]) -> Got {
        self.send(client, (self.write)(rows).as_bytes())
    }

    fn send(&self, client: &Client, body: &[u8]) -> Got {
        let headers = [("content-type", self.content_type), ("accept", JSON)];
        client.send("POST", self.path, &headers, body)
    }

    #[track_caller]
    fn refuses(&self, client: &Client, rows: &[&Map<String, Value>], status: u16, said: &[&str]) {
        self.form.holds(&self.ask(client, rows), status, said);
    }
}

fn good() -> Map<String, Value> {
    let row = json!({"island": "Biscoe", "bill_length_mm": 47.5, "bill_depth_mm": 15.0, "flipper_length_mm": 217,
                     "body_mass_g": 5200, "sex": "male", "year": 2009});
    row.as_object().unwrap().clone()
}

fn with(column: &str, value: Value) -> Map<String, Value> {
    let mut row = good();
    row.insert(column.to_owned(), value);
    row
}

fn without(column: &str) -> Map<String, Value> {
    let mut row = good();
    row.remove(column);
    row
}

/// What every door refuses, whoever serves the model.
fn refuses_what_does_not_fit(door: &Door, client: &Client) {
    let good = good();
    assert_eq!(door.ask(client, &[&good, &good]).status, 200, "{}", door.path);
    assert_eq!(door.ask(client, &[&with("sex", Value::Null)]).status, 200, "null is a missing value");
    let lacking = without("bill_depth_mm");
    door.refuses(client, &[&lacking, &lacking], 422, &["bill_depth_mm"]);
    let more = with("colour", json!("blue"));
    door.refuses(client, &[&more, &more], 422, &["colour"]);
    door.refuses(client, &[&good, &with("bill_depth_mm", json!("deep"))], 422, &["bill_depth_mm", "deep"]);
    door.refuses(client, &[&good, &with("year", json!(2009.5))], 422, &["year", "2009.5"]);
    if door.content_type == JSON {
        door.refuses(client, &[&good, &with("island", json!(3))], 422, &["island", "3"]);
        door.form.holds(&door.send(client, b"{"), 400, &["not JSON"]);
        door.form.holds(&door.send(client, b""), 400, &["empty"]);
        // JSON has no NaN; null says the same.
        let text = (door.write)(&[&good]).replace("47.5", "NaN");
        assert!(text.contains("NaN"));
        door.form.holds(&door.send(client, text.as_bytes()), 400, &["not JSON"]);
    } else {
        let ragged = (door.write)(&[&good]) + "Biscoe,1\n";
        door.form.holds(&door.send(client, ragged.as_bytes()), 422, &["2"]);
        door.form.holds(&door.send(client, b""), 422, &["empty"]);
    }
    let many = vec![&good; 10_001];
    door.refuses(client, &many, 413, &["10001", "10000", "POST /v1/batches"]);
    let large = vec![b' '; 6 * 1024 * 1024 + 1];
    door.form.holds(&door.send(client, &large), 413, &["6291456"]);
}

#[test]
fn every_door_refuses_in_its_own_form() {
    let platform = Platform::new();
    let client = platform.client();
    client.deployed();
    for door in DOORS {
        refuses_what_does_not_fit(door, &client);
        let large = vec![b' '; 6 * 1024 * 1024 + 1];
        door.form.holds(&door.send(&client, &large), 413, &["POST /v1/batches"]);
        let body = (door.write)(&[&good()]);
        let nobody = client.with_key(None);
        door.form.holds(&door.send(&nobody, body.as_bytes()), 401, &["Bearer"]);
        assert_eq!(door.send(&nobody, body.as_bytes()).header("www-authenticate"), "Bearer");
        let elsewhere = door.path.replace("penguins", "walruses");
        let headers = [("content-type", door.content_type)];
        let got = client.send("POST", &elsewhere, &headers, body.as_bytes());
        door.form.holds(&got, 404, &["walruses", "GET /v1/deployments"]);
    }
    // Rows of different lengths, as only some forms can write them.
    let mixed = [
        (Form::Problem, DOORS[0].path, json!({"rows": [good(), without("year")]}), "rows[1].year"),
        (
            Form::Mlflow,
            DOORS[2].path,
            json!({"dataframe_records": [good(), without("year")]}),
            "dataframe_records[1].year",
        ),
        (Form::Mlflow, DOORS[2].path, json!({"instances": [[1, 2], [1]]}), "instances[0]"),
        (
            Form::Mlflow,
            DOORS[2].path,
            json!({"inputs": {"island": ["Biscoe"], "year": []}}),
            "bill_length_mm",
        ),
        (
            Form::Mlflow,
            DOORS[2].path,
            json!({"dataframe_split": {"columns": names(&[&good()]), "data": [[1]]}}),
            "dataframe_split.data[0]",
        ),
        (Form::Mlflow, DOORS[2].path, json!({"inputs": [good()], "instances": [good()]}), "exactly one"),
        (
            Form::Inference,
            DOORS[5].path,
            json!({"inputs": [{"name": "year", "shape": [2], "datatype": "INT64", "data": [2009]}]}),
            "\"island\" is missing",
        ),
        (
            Form::Inference,
            DOORS[5].path,
            json!({"inputs": [{"name": "all", "shape": [1, 7], "datatype": "FP64", "data": vec![1; 7]}]}),
            "island",
        ),
    ];
    for (form, path, body, said) in mixed {
        form.holds(&client.post(path, &body), 422, &[said]);
    }
    for path in [
        "/v2/models/penguins/versions/2",
        "/v2/models/penguins/versions/2/ready",
        "/v2/models/penguins/versions/x",
    ] {
        client.get(path).inference_error(404, &["version"]);
    }
    let inferred = client
        .post("/v2/models/penguins/versions/2/infer", &serde_json::from_str(&tensors(&[&good()])).unwrap());
    inferred.inference_error(404, &["version", "version 1 answers"]);
    client.get("/v2/models/walruses").inference_error(404, &["walruses"]);
    client.get("/v1/deployments/walruses/ping").mlflow_error(404, &["walruses"]);
    client.get("/v2/nothing").problem(404, "not-found", &[]);
    client.get("/v2/models/penguins/infer").problem(405, "method-not-allowed", &["GET"]);
}

#[test]
fn a_file_served_by_itself_refuses_alike() {
    let platform = Platform::new();
    let client = platform.client();
    client.deployed();
    let served = Served::artifact(&client, "penguins", 1);
    let alone = served.client();
    for door in ALONE {
        refuses_what_does_not_fit(door, &alone);
    }
    alone
        .send("POST", "/invocations", &[("content-type", "text/csv")], b"1,2\n")
        .mlflow_error(422, &["2 values", "island"]);
    alone
        .post("/v2/models/walruses/infer", &json!({"inputs": []}))
        .inference_error(404, &["walruses", "penguins-1"]);
    alone.get("/v2/models/penguins-1/versions/1").inference_error(404, &["version"]);
    alone.get("/nothing").mlflow_error(404, &["/nothing"]);
    alone.get("/invocations").mlflow_error(405, &["GET"]);
    alone.get("/v2/models/penguins-1/infer").inference_error(405, &["GET"]);
}

#[test]
fn one_who_may_not_predict_is_told_in_the_door_s_form() {
    let platform = Platform::new();
    let client = platform.client();
    let key = client.post("/v1/keys", &json!({"name": "gone", "role": "predictor"})).json(201);
    assert_eq!(client.delete(&format!("/v1/keys/{}", key["id"].as_str().unwrap())).status, 204);
    let gone = client.with_key(key["key"].as_str());
    for door in DOORS {
        door.form.holds(&door.send(&gone, b"{}"), 401, &["Bearer"]);
    }
    for path in ["/v2/models/penguins", "/v2/models/penguins/ready"] {
        gone.get(path).inference_error(401, &["Bearer"]);
    }
    gone.get("/v1/deployments/penguins/ping").mlflow_error(401, &["Bearer"]);
}
