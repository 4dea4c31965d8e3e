//! `fettle predict`.

use crate::context::{Context, PENGUINS, snapshot};
use serde_json::{Value, json};

/// The header and some rows of the penguins.
fn some(rows: usize) -> String {
    PENGUINS.split_inclusive('\n').take(1 + rows).collect()
}

const ROW: &str = r#"{"island":"Dream","bill_length_mm":46.5,"bill_depth_mm":17.9,"flipper_length_mm":192,"body_mass_g":3500,"sex":"female","year":2007}"#;

#[test]
fn csv_in_csv_out() {
    let context = Context::deployed();
    context.write("new.csv", &some(4));
    let predicted = context.fettle(&["predict", "penguins", "new.csv"]);
    snapshot!("predict_csv", predicted);
    let from_stdin = context.fettle_with(&["predict", "penguins", "-"], &some(4)).done();
    assert_eq!(from_stdin.stdout, predicted.stdout);

    // Columns in another order, cells parted by semicolons, and what came in is what comes out.
    let turned = "sex;year;body_mass_g;flipper_length_mm;bill_depth_mm;bill_length_mm;island\n\
                  male;2007;3750;181;18,7;39,1;Torgersen\n";
    let predicted = context.fettle_with(&["predict", "penguins", "-"], turned).done();
    let mut lines = predicted.stdout.lines();
    assert!(lines.next().unwrap().starts_with("sex;year;body_mass_g;flipper_length_mm;bill_depth_mm;bill_length_mm;island;prediction;probability_Adelie;"));
    assert!(lines.next().unwrap().starts_with("male;2007;3750;181;18,7;39,1;Torgersen;Adelie;0.9"));
}

#[test]
fn json_in_the_same_json_out() {
    let context = Context::deployed();
    let input: Value = serde_json::from_str(ROW).unwrap();

    let array = context.fettle_with(&["predict", "penguins", "-"], &format!("[{ROW},{ROW}]")).json();
    assert_eq!(array.as_array().unwrap().len(), 2);
    let row = &array[1];
    assert_eq!(row["prediction"], "Chinstrap");
    assert!(row["probabilities"]["Chinstrap"].as_f64().unwrap() > 0.5);
    let came: Value =
        input.as_object().unwrap().keys().map(|name| (name.clone(), row[name].clone())).collect();
    assert_eq!(came, input);

    let lines = context.fettle_with(&["predict", "penguins", "-"], &format!("{ROW}\n{ROW}\n")).done().stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [row.clone(), row.clone()]);

    context.write("request.json", &format!("{{\"rows\":[{ROW}]}}"));
    let answer = context.fettle(&["predict", "penguins", "request.json"]).json();
    assert_eq!(answer["predictions"][0]["prediction"], "Chinstrap");
    assert_eq!((&answer["model"], &answer["version"]), (&json!("penguins"), &json!(1)));

    assert_eq!(context.fettle_with(&["predict", "penguins", "-"], "[]").json(), json!([]));
}

#[test]
fn many_rows_are_sent_in_parts_and_stay_in_order() {
    let context = Context::deployed();
    let all: Vec<&str> = PENGUINS.lines().skip(1).collect();
    let mut rows: Vec<&str> = all.iter().copied().cycle().take(2500).collect();
    let file = |rows: &[&str]| format!("{}\n{}\n", PENGUINS.lines().next().unwrap(), rows.join("\n"));
    let predicted = context.fettle_with(&["predict", "penguins", "-"], &file(&rows)).done().stdout;
    let lines: Vec<&str> = predicted.lines().skip(1).collect();
    assert_eq!(lines.len(), 2500);
    for (line, row) in lines.iter().zip(&rows) {
        assert!(line.starts_with(row), "{line}");
    }
    // The same row has the same prediction, in whichever part it was sent.
    assert_eq!(lines[0], lines[344]);
    assert_eq!(lines[100], lines[100 + 344 * 6]);

    rows[1699] = "Adelie,Dream,39.1,18.7,long,3750,male,2007";
    let failed = context.fettle_with(&["predict", "penguins", "-"], &file(&rows));
    let failed = failed
        .failed(1, &["error: ", "row 1700 has", "where: row 1700, column `flipper_length_mm`", "help: "]);
    assert_eq!(failed.stdout.lines().count(), 1001, "the rows before are there");
}

#[test]
fn an_unseen_category_is_served_and_what_does_not_fit_is_refused() {
    let context = Context::deployed();
    let unseen = ROW.replace("Dream", "Atlantis");
    context.fettle_with(&["predict", "penguins", "-"], &unseen).done();

    let mistyped = ROW.replace("46.5", "\"long\"");
    snapshot!("predict_mistyped", context.fettle_with(&["predict", "penguins", "-"], &mistyped));
    let missing = ROW.replace("\"year\":2007", "\"years\":2007");
    context.fettle_with(&["predict", "penguins", "-"], &missing).failed(1, &["year"]);
    context
        .fettle_with(&["predict", "penguins", "-"], "island,year\nDream,2007\n")
        .failed(1, &["bill_length_mm"]);
    context
        .fettle_with(&["predict", "penguins", "-"], "a,b\n1,2\n")
        .failed(1, &["none of the columns", "help: "]);
    context.fettle_with(&["predict", "penguins", "-"], "").failed(1, &["there are no rows"]);
    context.fettle_with(&["predict", "penguins", "-"], "[{]").failed(1, &["line 1"]);
    context.fettle(&["predict", "penguins", "none.csv"]).failed(1, &["none.csv: No such file"]);
    context.fettle(&["predict", "walrus", "penguins.csv"]).failed(1, &["walrus"]);
}
