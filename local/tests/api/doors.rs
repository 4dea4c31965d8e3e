//! One deployed model, asked by every protocol: the same numbers.

use crate::client::{Client, PENGUINS, Platform, Served};
use serde_json::{Map, Value, json};

/// What a door says of rows: the classes, and where it tells them the probabilities.
#[derive(Debug, PartialEq)]
struct Said {
    labels: Vec<Value>,
    probabilities: Option<Vec<Vec<f64>>>,
}

const CLASSES: [&str; 3] = ["Adelie", "Chinstrap", "Gentoo"];

const CSV: &[(&str, &str)] = &[("content-type", "text/csv")];

/// The penguins' measures, all of them numbers, with some missing.
fn measures() -> (String, Vec<Map<String, Value>>) {
    let mut lines = PENGUINS.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let wanted = ["species", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"];
    let places: Vec<usize> =
        wanted.iter().map(|name| header.iter().position(|column| column == name).unwrap()).collect();
    let (mut csv, mut rows) = (wanted.join(",") + "\n", Vec::new());
    for (number, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let cells: Vec<&str> = places.iter().map(|place| cells[*place]).collect();
        csv.push_str(&(cells.join(",") + "\n"));
        // Of every species some, and the fourth of all, which has no measures.
        if number % 40 == 0 || number == 3 {
            let value = |cell: &str| cell.parse::<f64>().map_or(Value::Null, |number| json!(number));
            let values = wanted[1..].iter().zip(&cells[1..]);
            rows.push(values.map(|(name, cell)| ((*name).to_owned(), value(cell))).collect());
        }
    }
    (csv, rows)
}

fn deployed(client: &Client, csv: &str) {
    assert_eq!(client.push("birds", csv.as_bytes())["status"], "ready");
    let request = json!({"dataset": "birds", "target": "species", "estimators": ["logistic"], "folds": 3});
    let run = client.post("/v1/runs", &request).json(202);
    let run = client.finished(run["id"].as_str().unwrap());
    client.post("/v1/models", &json!({"name": "birds", "run": run["id"]})).json(201);
    client.post("/v1/deployments", &json!({"name": "birds", "model": "birds"})).json(201);
}

fn of_rows(answer: &Value) -> Said {
    let predictions = answer["predictions"].as_array().unwrap();
    let of = |prediction: &Value| {
        CLASSES.iter().map(|class| prediction["probabilities"][class].as_f64().unwrap()).collect()
    };
    Said {
        labels: predictions.iter().map(|prediction| prediction["prediction"].clone()).collect(),
        probabilities: Some(predictions.iter().map(of).collect()),
    }
}

fn of_csv(text: &str, with_header: bool) -> Said {
    let mut lines = text.lines();
    if with_header {
        let header = lines.next().unwrap();
        assert_eq!(header, "prediction,probability_Adelie,probability_Chinstrap,probability_Gentoo");
    }
    let cells = lines.map(|line| line.split(',').collect::<Vec<_>>()).collect::<Vec<_>>();
    Said {
        labels: cells.iter().map(|cells| json!(cells[0])).collect(),
        probabilities: Some(
            cells.iter().map(|cells| cells[1..].iter().map(|cell| cell.parse().unwrap()).collect()).collect(),
        ),
    }
}

fn of_mlflow(answer: &Value) -> Said {
    Said { labels: answer["predictions"].as_array().unwrap().clone(), probabilities: None }
}

fn of_tensors(answer: &Value) -> Said {
    let [labels, probabilities] = answer["outputs"].as_array().unwrap().as_slice() else {
        panic!("{answer}")
    };
    assert_eq!((&labels["name"], &labels["datatype"]), (&json!("prediction"), &json!("BYTES")));
    assert_eq!(
        (&probabilities["name"], &probabilities["datatype"]),
        (&json!("probabilities"), &json!("FP64"))
    );
    assert_eq!(probabilities["parameters"]["classes"], json!(CLASSES).to_string());
    let flat: Vec<f64> =
        probabilities["data"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    assert_eq!(probabilities["shape"], json!([flat.len() / 3, 3]));
    Said {
        labels: labels["data"].as_array().unwrap().clone(),
        probabilities: Some(flat.chunks(3).map(<[f64]>::to_vec).collect()),
    }
}

/// The same rows in each form that the doors take.
struct Forms {
    rows: Vec<Map<String, Value>>,
    lists: Vec<Vec<Value>>,
    columns: Map<String, Value>,
    names: Vec<String>,
    csv: String,
    bare_csv: String,
}

impl Forms {
    fn of(rows: Vec<Map<String, Value>>, schema: &Value) -> Self {
        let inputs = schema["inputs"].as_array().unwrap();
        let names: Vec<String> =
            inputs.iter().map(|input| input["name"].as_str().unwrap().to_owned()).collect();
        let lists: Vec<Vec<Value>> =
            rows.iter().map(|row| names.iter().map(|name| row[name].clone()).collect()).collect();
        let column = |name: &String| (name.clone(), rows.iter().map(|row| row[name].clone()).collect());
        let cell = |value: &Value| if value.is_null() { String::new() } else { value.to_string() };
        let line = |row: &Vec<Value>| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\n";
        let bare_csv: String = lists.iter().map(line).collect();
        let csv = format!("{}\n{bare_csv}", names.join(","));
        Self { columns: names.iter().map(column).collect(), rows, lists, names, csv, bare_csv }
    }

    fn of_mlflow(&self) -> Vec<Value> {
        vec![
            json!({"dataframe_split": {"columns": self.names, "data": self.lists}}),
            json!({"dataframe_records": self.rows}),
            json!({"instances": self.rows}),
            json!({"instances": self.lists, "params": {"any": 1}}),
            json!({"inputs": self.columns}),
            json!({"inputs": self.rows}),
        ]
    }

    fn tensors(&self) -> Vec<Value> {
        let rows = self.rows.len();
        let by_column: Vec<Value> = self
            .columns
            .iter()
            .map(|(name, data)| json!({"name": name, "shape": [rows], "datatype": "FP64", "data": data}))
            .collect();
        let flat: Vec<&Value> = self.lists.iter().flatten().collect();
        let shape = [rows, self.names.len()];
        vec![
            json!({"id": "a", "inputs": by_column}),
            json!({"inputs": [{"name": "all", "shape": shape, "datatype": "FP64", "data": flat}]}),
            json!({"inputs": [{"name": "all", "shape": shape, "datatype": "FP64", "data": self.lists}]}),
        ]
    }
}

#[test]
fn every_door_gives_the_same_numbers() {
    let platform = Platform::new();
    let client = platform.client();
    let (csv, rows) = measures();
    deployed(&client, &csv);
    let schema = client.get("/v1/deployments/birds/schema").json(200);
    let forms = Forms::of(rows, &schema);
    let own = "/v1/deployments/birds/predict";
    let expected = of_rows(&client.post(own, &json!({"rows": forms.rows})).json(200));
    let labels = Said { labels: expected.labels.clone(), probabilities: None };
    assert!(expected.labels.len() > 8 && CLASSES.iter().all(|class| expected.labels.contains(&json!(class))));

    let answer = client.send("POST", own, CSV, forms.csv.as_bytes());
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/csv"));
    assert_eq!(of_csv(&answer.text(), true), expected);
    let wants_json = [("content-type", "text/csv"), ("accept", "application/json")];
    assert_eq!(of_rows(&client.send("POST", own, &wants_json, forms.csv.as_bytes()).json(200)), expected);
    let body = json!({"rows": forms.rows}).to_string();
    let answer = client.send("POST", own, &[("accept", "text/csv")], body.as_bytes());
    assert_eq!(of_csv(&answer.text(), true), expected);

    let invocations = "/v1/deployments/birds/invocations";
    for form in forms.of_mlflow() {
        assert_eq!(of_mlflow(&client.post(invocations, &form).json(200)), labels, "{form}");
    }
    let answer = client.send("POST", invocations, CSV, forms.csv.as_bytes());
    assert_eq!(of_mlflow(&answer.json(200)), labels);

    for path in ["/v2/models/birds/infer", "/v2/models/birds/versions/1/infer"] {
        for tensors in forms.tensors() {
            let answer = client.post(path, &tensors).json(200);
            assert_eq!(of_tensors(&answer), expected, "{tensors}");
            assert_eq!((&answer["model_name"], &answer["model_version"]), (&json!("birds"), &json!("1")));
            assert_eq!(answer.get("id"), tensors.get("id"));
        }
    }

    let served = Served::artifact(&client, "birds", 1);
    let alone = served.client();
    assert_eq!(of_rows(&alone.post("/invocations", &json!({"rows": forms.rows})).json(200)), expected);
    for form in forms.of_mlflow() {
        assert_eq!(of_mlflow(&alone.post("/invocations", &form).json(200)), labels, "{form}");
    }
    for (csv, has_header) in [(&forms.csv, true), (&forms.bare_csv, false)] {
        let answer = alone.send("POST", "/invocations", CSV, csv.as_bytes());
        assert_eq!(of_csv(&answer.text(), has_header), expected);
        let answer = alone.send("POST", "/invocations", &wants_json, csv.as_bytes());
        assert_eq!(of_mlflow(&answer.json(200)), labels);
    }
    for tensors in forms.tensors() {
        let answer = alone.post("/v2/models/birds-1/infer", &tensors).json(200);
        assert_eq!(of_tensors(&answer), expected, "{tensors}");
    }
    assert!(served.terminate(), "it ends well");
}

#[test]
fn doors_say_what_they_are() {
    let platform = Platform::new();
    let client = platform.client();
    client.deployed();
    let anybody = client.with_key(None);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(anybody.get("/v2").json(200), json!({"name": "fettle", "version": version, "extensions": []}));
    assert_eq!(anybody.get("/v2/health/live").json(200), json!({"live": true}));
    assert_eq!(anybody.get("/v2/health/ready").json(200), json!({"ready": true}));
    let described = client.get("/v2/models/penguins").json(200);
    assert_eq!(described, client.get("/v2/models/penguins/versions/1").json(200));
    insta::assert_json_snapshot!("metadata", described);
    for path in ["/v2/models/penguins/ready", "/v2/models/penguins/versions/1/ready"] {
        assert_eq!(client.get(path).json(200), json!({"name": "penguins", "ready": true}));
    }
    for path in ["/v1/deployments/penguins/ping", "/v1/deployments/penguins/health"] {
        assert_eq!(client.get(path).json(200), json!({"status": "ok"}));
    }
    assert_eq!(client.get("/v1/deployments/penguins/version").text(), version);

    let served = Served::artifact(&client, "penguins", 1);
    let alone = served.client();
    for path in ["/ping", "/health", "/v2/health/ready"] {
        assert_eq!(alone.get(path).json(200), json!({"ready": true}));
    }
    assert_eq!(alone.get("/v2/health/live").json(200), json!({"live": true}));
    assert_eq!(alone.get("/version").text(), version);
    assert_eq!(alone.get("/v2").json(200)["name"], "fettle");
    let of_file = alone.get("/v2/models/penguins-1").json(200);
    assert_eq!((&of_file["inputs"], &of_file["outputs"]), (&described["inputs"], &described["outputs"]));
    assert_eq!(of_file["versions"], json!([]));
    assert_eq!(alone.get("/v2/models/penguins-1/ready").json(200)["ready"], true);
    assert!(served.terminate(), "it ends well");
}
