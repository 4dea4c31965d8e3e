use proptest::prelude::*;

use super::*;
use crate::table::{MISSING_CODE, MISSING_TIME};

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
    assert_eq!((linear.width(), matrix.get(2, 6).to_bits()), (7, 1f32.to_bits()));
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
    assert_eq!(most_flags(&columns, 1000), 64);
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
            let (fitted, matrix) = Preprocessor::fit(&columns, &training, &y, needs, seed);
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
