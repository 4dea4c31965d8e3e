use proptest::prelude::*;

use super::*;
use crate::estimators::Encoding;
use crate::table::{MISSING_BOOLEAN, MISSING_CODE, MISSING_TIME};

const LINEAR: Needs = Needs { categories: Encoding::OneHot, scaled: true, missing: false };
const TREES: Needs = Needs { categories: Encoding::Target, scaled: false, missing: true };

fn column(kind: Kind, values: Values) -> Column {
    Column { name: "x".into(), kind, values }
}

fn category(cells: &[&str]) -> Column {
    let mut levels: Vec<String> = Vec::new();
    let codes = cells
        .iter()
        .map(|cell| {
            if cell.is_empty() {
                return MISSING_CODE;
            }
            let known = levels.iter().position(|level| level == cell);
            known.unwrap_or_else(|| {
                levels.push((*cell).to_string());
                levels.len() - 1
            }) as u32
        })
        .collect();
    column(Kind::Category, Values::Strings { codes, levels })
}

fn all(column: &Column) -> Vec<u32> {
    (0..column.values.len() as u32).collect()
}

fn row(matrix: &Matrix, row: usize) -> Vec<f32> {
    let mut out = vec![0.0; matrix.cols()];
    matrix.copy_row(row, &mut out);
    out
}

#[test]
fn few_levels_become_columns_and_rare_ones_share_one() {
    let training = category(&["b", "a", "a", "b", "", "", "c"]);
    let y = Target::Numbers(vec![0.0; 7]);
    let (fitted, matrix) = Preprocessor::fit(&[&training], &all(&training), &y, LINEAR, 0);
    // a, b, missing, others
    assert_eq!(row(&matrix, 0), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(row(&matrix, 1), [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(row(&matrix, 4), [0.0, 0.0, 1.0, 0.0]);
    assert_eq!(row(&matrix, 6), [0.0, 0.0, 0.0, 1.0]);
    let unseen = fitted.transform(&[&category(&["z"])], &[0]);
    assert_eq!(row(&unseen, 0), [0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn a_level_never_seen_is_none_of_those_seen() {
    let training = category(&["b", "a", "a", "b"]);
    let (fitted, _) =
        Preprocessor::fit(&[&training], &all(&training), &Target::Numbers(vec![0.0; 4]), LINEAR, 0);
    assert_eq!(row(&fitted.transform(&[&category(&["z", ""])], &[0, 1]), 1), [0.0, 0.0]);
}

fn many_levels() -> (Column, Target) {
    // 40 levels of 10 rows; the target is the level's number.
    let cells: Vec<String> = (0..400).map(|i| format!("level {}", i % 40)).collect();
    let column = category(&cells.iter().map(String::as_str).collect::<Vec<_>>());
    (column, Target::Numbers((0..400).map(|i| f64::from(i % 40)).collect()))
}

#[test]
fn many_levels_become_smoothed_statistics() {
    let (column, y) = many_levels();
    let (fitted, _) = Preprocessor::fit(&[&column], &all(&column), &y, TREES, 0);
    let matrix = fitted.transform(&[&column], &[0, 39]);
    assert_eq!(matrix.cols(), 1);
    // (10 × 0 + 10 × 19.5) / 20 and (10 × 39 + 10 × 19.5) / 20
    assert_eq!(matrix.col(0), [9.75, 29.25]);
    let unseen = fitted.transform(&[&category(&["never", ""])], &[0, 1]);
    assert_eq!(unseen.col(0), [19.5, 19.5]);
}

#[test]
fn no_row_sees_its_own_truth() {
    let (column, Target::Numbers(mut y)) = many_levels() else { unreachable!() };
    let rows = all(&column);
    let (_, before) = Preprocessor::fit(&[&column], &rows, &Target::Numbers(y.clone()), TREES, 3);
    y[17] += 1e6;
    let (_, after) = Preprocessor::fit(&[&column], &rows, &Target::Numbers(y), TREES, 3);
    let changed: Vec<usize> =
        (0..400).filter(|&i| before.get(i, 0).to_bits() != after.get(i, 0).to_bits()).collect();
    assert!(!changed.contains(&17), "row 17 sees its own truth");
    assert!(changed.len() > 300, "the statistics do not depend on the truth: {}", changed.len());
}

#[test]
fn classes_have_a_rate_each() {
    let (column, _) = many_levels();
    let rows = all(&column);
    for (count, width) in [(2, 1), (3, 3), (10, 10), (12, 10)] {
        let y = Target::Classes { codes: (0..400).map(|i| i % count as u32).collect(), count };
        let (fitted, matrix) = Preprocessor::fit(&[&column], &rows, &y, TREES, 0);
        assert_eq!((fitted.width(), matrix.cols()), (width, width));
        if count == 3 {
            let sum: f32 = row(&matrix, 5).iter().sum();
            assert!((sum - 1.0).abs() < 1e-6);
        }
    }
}

#[test]
fn dates_become_their_parts() {
    let day = 86_400_000_000i64;
    // Monday 1970-01-05 06:00 and 1970-02-01 00:00
    let dates = column(Kind::Datetime, Values::Time(vec![4 * day + day / 4, 31 * day, MISSING_TIME]));
    let (fitted, matrix) = Preprocessor::fit(&[&dates], &[0, 1, 2], &Target::Numbers(vec![0.0; 3]), TREES, 0);
    assert_eq!(row(&matrix, 0), [1970.0, 1.0, 5.0, 0.0, 0.0, 6.0]);
    assert_eq!(row(&matrix, 1), [1970.0, 2.0, 1.0, 6.0, 26.75, 0.0]);
    assert!(row(&matrix, 2).iter().all(|part| part.is_nan()));
    let far = column(Kind::Datetime, Values::Time(vec![i64::MAX]));
    assert!(row(&fitted.transform(&[&far], &[0]), 0).iter().all(|part| part.is_nan()));
    let (linear, matrix) =
        Preprocessor::fit(&[&dates], &[0, 1, 2], &Target::Numbers(vec![0.0; 3]), LINEAR, 0);
    assert_eq!((linear.width(), matrix.get(2, 9).to_bits()), (10, 1f32.to_bits()));
}

#[test]
fn a_fold_without_values_is_no_trouble() {
    let empty = [
        column(Kind::Number, Values::Number(vec![f64::NAN, f64::NAN, 1.0])),
        column(Kind::Boolean, Values::Boolean(vec![MISSING_BOOLEAN, MISSING_BOOLEAN, 1])),
        column(Kind::Datetime, Values::Time(vec![MISSING_TIME, MISSING_TIME, 0])),
        category(&["", "", "a"]),
        column(Kind::Text, category(&["", "", "some words"]).values),
    ];
    let columns: Vec<&Column> = empty.iter().collect();
    for needs in [LINEAR, TREES] {
        let (fitted, training) =
            Preprocessor::fit(&columns, &[0, 1], &Target::Numbers(vec![0.0, 1.0]), needs, 0);
        let validation = fitted.transform(&columns, &[2]);
        for value in training.data().iter().chain(validation.data()) {
            assert!(value.is_finite() || (needs.missing && value.is_nan()));
        }
    }
}

#[test]
fn large_tables_get_fewer_columns() {
    let text = column(Kind::Text, category(&["some words"]).values);
    let number = column(Kind::Number, Values::Number(vec![1.0]));
    let columns: Vec<&Column> =
        std::iter::repeat_n(&text, 5).chain(std::iter::repeat_n(&number, 55)).collect();
    assert_eq!(most_flags(&columns, 1000), 256);
    assert_eq!(most_flags(&columns, 350_000), 27);
    assert_eq!(most_flags(&vec![&text; 60], 1_000_000), 4);
    let (fitted, matrix) = Preprocessor::fit(&[&text], &[0], &Target::Numbers(vec![0.0]), TREES, 0);
    assert_eq!((fitted.width(), matrix.cols()), (66, 66));
}

#[test]
fn another_kind_is_refused_when_loading() {
    let training = category(&["b", "a"]);
    let (fitted, _) = Preprocessor::fit(&[&training], &[0, 1], &Target::Numbers(vec![0.0; 2]), LINEAR, 0);
    assert!(fitted.check(&[Kind::Category]).is_ok());
    assert!(fitted.check(&[Kind::Number]).is_err());
    assert!(fitted.check(&[]).is_err());
}

fn named(name: &str, column: Column) -> Column {
    Column { name: name.into(), ..column }
}

/// 200 rows: two numbers of which one decides, its copy, a constant, a skewed one, a date and words.
fn mixed() -> (Vec<Column>, Target) {
    let wave = |i: i32, speed: f64| (f64::from(i) * speed).sin();
    let numbers =
        |value: &dyn Fn(i32) -> f64| column(Kind::Number, Values::Number((0..200).map(value).collect()));
    let gap = |i: i32| if i % 10 == 9 { f64::NAN } else { wave(i, 1.3) };
    let hour = 3_600_000_000i64;
    let columns = vec![
        named("a", numbers(&gap)),
        named("b", numbers(&|i| wave(i, 2.9))),
        named("same", numbers(&gap)),
        named("flat", numbers(&|i| f64::from(u8::from(i == 3)))),
        named("rent", numbers(&|i| 1.0 / (1.05 - wave(i, 0.7)))),
        named("seen", column(Kind::Datetime, Values::Time((0..200).map(|i| i * 5 * hour).collect()))),
        named("city", category(&(0..200).map(|i| ["Bonn", "Ulm", ""][i % 3]).collect::<Vec<_>>())),
        named("note", column(Kind::Text, category(&["good", "not good"].repeat(100)).values)),
    ];
    let y = (0..200).map(|i| wave(i, 2.9) + 0.1 * wave(i, 5.1)).collect();
    (columns, Target::Numbers(y))
}

fn fitted(columns: &[Column], y: &Target, needs: Needs, steps: Preprocessing) -> (Preprocessor, Matrix) {
    let columns: Vec<&Column> = columns.iter().collect();
    let rows: Vec<u32> = (0..y.len() as u32).collect();
    Preprocessor::fit_with(&columns, &rows, y, needs, &steps, 0)
}

fn decided(columns: &[Column], fitted: &Preprocessor) -> Vec<Decision> {
    let fields: Vec<_> =
        columns.iter().map(|c| crate::table::Field { name: c.name.clone(), kind: c.kind }).collect();
    assert_eq!(fitted.names(&fields, &[]).len(), fitted.width());
    fitted.decisions(&fields, &[])
}

#[test]
fn every_decision_is_said_in_words() {
    let (columns, y) = mixed();
    let (linear, _) = fitted(&columns, &y, LINEAR, Preprocessing::default());
    let decisions = decided(&columns, &linear);
    let became: Vec<Vec<&str>> =
        decisions.iter().map(|d| d.became.iter().map(String::as_str).collect()).collect();
    let circles = ["month (sine)", "month (cosine)", "day of the week (sine)", "day of the week (cosine)"];
    let date: Vec<String> = ["year", "day", "days since the first"]
        .iter()
        .chain(&circles)
        .chain(&["hour (sine)", "hour (cosine)"])
        .map(|part| format!("seen: {part}"))
        .collect();
    assert_eq!(
        became,
        [
            vec!["a", "a is missing"],
            vec!["b"],
            vec![],
            vec![],
            vec!["rent (power)"],
            date.iter().map(String::as_str).collect(),
            vec!["city = Bonn", "city = Ulm", "city missing"],
            vec!["note: length", "note: number of words", "note: 64 columns of hashed words"],
        ]
    );
    for (at, mentions) in [
        (0, "missing values become the median"),
        (1, "brought to mean 0 and variance 1"),
        (2, "dropped: on every training row it is the same as 'a'"),
        (3, "dropped: it has the same value on all but 1 training row"),
        (4, "taken out by the power"),
        (5, "a sine and a cosine"),
        (6, "few frequent levels: 3 columns"),
        (7, "pairs of words"),
    ] {
        assert!(decisions[at].why.contains(mentions), "'{mentions}' is not in: {}", decisions[at].why);
    }
    let (trees, _) = fitted(&columns, &y, TREES, Preprocessing::default());
    let decisions = decided(&columns, &trees);
    assert_eq!(
        (&decisions[4].became[..], decisions[4].why.as_str()),
        (&["rent".to_string()][..], "a number; missing values stay missing")
    );
    assert!(decisions[5].became.contains(&"seen: hour".to_string()));
}

#[test]
fn the_steps_that_are_asked_for_are_done() {
    let (columns, y) = mixed();
    let steps = Preprocessing {
        select: Some(Select::Best(2)),
        outliers: Outliers::Clip,
        interactions: true,
        ..Preprocessing::default()
    };
    for needs in [LINEAR, TREES] {
        let (some, matrix) = fitted(&columns, &y, needs, steps);
        let decisions = decided(&columns, &some);
        let kept: Vec<&str> =
            decisions.iter().filter(|d| !d.became.is_empty()).map(|d| d.column.as_str()).collect();
        assert!(kept.len() == 2 && kept.contains(&"b"), "{decisions:?}");
        assert_eq!(matrix.cols(), some.width());
        let unselected = decisions.iter().filter(|d| d.why.contains("says less about the target"));
        assert_eq!(unselected.count(), 4);

        let all = Preprocessing { select: None, ..steps };
        let (products, matrix) = fitted(&columns, &y, needs, all);
        let decisions = decided(&columns, &products);
        assert_eq!(products.origins().len(), products.width());
        let product = "a (clipped) × b (clipped)".to_string();
        assert!(decisions[0].became.contains(&product), "{decisions:?}");
        assert!(decisions[4].why.contains("outliers end at"), "{}", decisions[4].why);
        let other: Vec<&Column> = columns.iter().collect();
        let again = products.transform(&other, &(0..200).collect::<Vec<_>>());
        // No statistics of the target are among them, so that training rows are transformed as others.
        let bits = |matrix: &Matrix| matrix.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&again), bits(&matrix));
    }
    let auto = Preprocessing { select: Some(Select::Auto(Auto::Auto)), ..Preprocessing::default() };
    let (some, _) = fitted(&columns, &y, LINEAR, auto);
    let kept = decided(&columns, &some).iter().filter(|d| !d.became.is_empty()).count();
    assert!(kept >= 5);
}

#[test]
fn a_million_levels_take_bounded_memory() {
    // Two rows a level, so that each is frequent enough to be known.
    let levels = 300_000u32;
    let values = Values::Strings {
        codes: (0..2 * levels).map(|row| row / 2).collect(),
        levels: (0..levels).map(|level| format!("{level}")).collect(),
    };
    let column = column(Kind::Category, values);
    let y = Target::Numbers((0..2 * levels).map(f64::from).collect());
    let (fitted, matrix) = Preprocessor::fit(&[&column], &all(&column), &y, TREES, 0);
    assert_eq!(matrix.cols(), 1);
    assert!(fitted.size_bytes() < 8 << 20, "{}", fitted.size_bytes());
    assert!(decided(&[column], &fitted)[0].why.contains("for 100000 of them"));
}

#[test]
fn many_sparse_columns_take_bounded_memory() {
    let rows = 500;
    let columns: Vec<Column> = (0..2000)
        .map(|at| {
            let value = |row: usize| if (row * 7 + at).is_multiple_of(50) { row as f64 } else { f64::NAN };
            column(Kind::Number, Values::Number((0..rows).map(value).collect()))
        })
        .collect();
    let y = Target::Numbers((0..rows).map(|row| row as f64).collect());
    let (fitted, matrix) = fitted(&columns, &y, LINEAR, Preprocessing::default());
    // 50 columns differ, each with its indicator.
    assert_eq!((fitted.width(), matrix.cols()), (100, 100));
    assert_eq!(most_indicators(20_000, 10_000), 4);
    assert_eq!(most_indicators(100, 10_000), 6610);
}

#[test]
fn a_request_says_what_is_done_or_is_refused() {
    use serde_json::{Value, json};

    let parsed = |value: Value| serde_json::from_value::<Preprocessing>(value).map_err(|e| e.to_string());
    assert!(parsed(json!({})).unwrap().is_default());
    let all = json!({"outliers": "drop", "interactions": true, "select": 12, "balance": "weights"});
    assert_eq!(serde_json::to_value(parsed(all.clone()).unwrap()).unwrap(), all);
    assert_eq!(parsed(json!({"select": "auto"})).unwrap().select, Some(Select::Auto(Auto::Auto)));
    for (request, mentions) in [
        (json!({"selekt": 3}), "unknown field `selekt`"),
        (json!({"select": "some"}), "a number of columns, or \"auto\""),
        (json!({"outliers": "remove"}), "unknown variant `remove`"),
    ] {
        let error = parsed(request).unwrap_err();
        assert!(error.contains(mentions), "{error}");
    }
}

fn any_steps() -> impl Strategy<Value = Preprocessing> {
    let select = prop_oneof![
        Just(None),
        (1u32..4).prop_map(|n| Some(Select::Best(n))),
        Just(Some(Select::Auto(Auto::Auto)))
    ];
    (any::<bool>(), any::<bool>(), select).prop_map(|(clip, interactions, select)| Preprocessing {
        outliers: if clip { Outliers::Clip } else { Outliers::Keep },
        interactions,
        select,
        ..Preprocessing::default()
    })
}

fn any_column(rows: usize) -> impl Strategy<Value = Column> {
    let numbers = prop::collection::vec(prop_oneof![any::<f64>(), Just(f64::NAN), -3.0..3.0f64], rows);
    let booleans = prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(MISSING_BOOLEAN)], rows);
    let times = prop::collection::vec(any::<i64>(), rows);
    let cells = prop::collection::vec("[a-d]{0,2}", rows);
    prop_oneof![
        numbers.prop_map(|v| column(Kind::Number, Values::Number(v))),
        booleans.prop_map(|v| column(Kind::Boolean, Values::Boolean(v))),
        times.prop_map(|v| column(Kind::Datetime, Values::Time(v))),
        (cells, any::<bool>()).prop_map(|(cells, text)| {
            let mut column = category(&cells.iter().map(String::as_str).collect::<Vec<_>>());
            column.kind = if text { Kind::Text } else { Kind::Category };
            column
        }),
    ]
}

proptest! {
    #[test]
    fn whatever_the_table_the_matrix_is_finite(
        columns in prop::collection::vec(any_column(30), 1..4),
        classes: bool,
        steps in any_steps(),
        seed: u64,
    ) {
        let columns: Vec<&Column> = columns.iter().collect();
        let y = if classes {
            Target::Classes { codes: (0..20).map(|i| i % 3).collect(), count: 3 }
        } else {
            Target::Numbers((0..20).map(f64::from).collect())
        };
        let training: Vec<u32> = (0..20).collect();
        let validation: Vec<u32> = (20..30).collect();
        for needs in [LINEAR, TREES] {
            let (fitted, matrix) = Preprocessor::fit_with(&columns, &training, &y, needs, &steps, seed);
            let kinds: Vec<Kind> = columns.iter().map(|column| column.kind).collect();
            prop_assert_eq!(fitted.check(&kinds), Ok(()));
            let other = fitted.transform(&columns, &validation);
            prop_assert_eq!((matrix.cols(), other.cols()), (fitted.width(), fitted.width()));
            for value in matrix.data().iter().chain(other.data()) {
                prop_assert!(value.is_finite() || (needs.missing && value.is_nan()));
            }
            // One row at a time is the same as all at once.
            let one = fitted.transform(&columns, &[25]);
            for col in 0..one.cols() {
                prop_assert_eq!(one.get(0, col).to_bits(), other.get(5, col).to_bits());
            }
        }
    }
}
