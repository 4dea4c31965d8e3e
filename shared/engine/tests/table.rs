//! Properties of reading, keeping and decoding tables, for bytes and values that nobody thought of.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::io::Write;

use fettle_engine::table::{
    Column, Kind, MISSING_BOOLEAN, MISSING_CODE, MISSING_TIME, ReadLimits, Table, Values, decode_csv_rows,
    decode_rows, profile, read,
};
use proptest::{collection::vec, option, prelude::*};

/// Equal, where NaN, which stands for a missing value, equals itself.
fn same(a: &Table, b: &Table) -> bool {
    let bits = |values: &[f64]| -> Vec<u64> { values.iter().map(|value| value.to_bits()).collect() };
    a.rows == b.rows
        && a.fields() == b.fields()
        && a.columns.iter().zip(&b.columns).all(|(a, b)| match (&a.values, &b.values) {
            (Values::Number(a), Values::Number(b)) => bits(a) == bits(b),
            (a, b) => a == b,
        })
}

fn small_limits() -> ReadLimits {
    ReadLimits { max_bytes: 4096, max_rows: 64, max_columns: 16, max_cells: 256, max_cell_bytes: 64 }
}

/// What holds for every table that is read, from whatever bytes.
fn check_read(bytes: &[u8], limits: &ReadLimits) -> Result<(), TestCaseError> {
    let Ok(table) = read(bytes, limits) else { return Ok(()) };
    prop_assert!(table.rows > 0 && !table.columns.is_empty());
    prop_assert!(table.rows as u64 <= limits.max_rows && table.columns.len() <= limits.max_columns);
    for column in &table.columns {
        prop_assert_eq!(column.values.len(), table.rows);
        if let Values::Strings { codes, levels } = &column.values {
            // Levels are distinct, and in the order of their first row.
            let mut next = 0;
            for &code in codes.iter().filter(|&&code| code != MISSING_CODE) {
                prop_assert!(code <= next);
                next = next.max(code + 1);
            }
            prop_assert_eq!(next as usize, levels.len());
            prop_assert!(levels.iter().all(|level| !level.is_empty() && level.trim() == level));
        }
    }
    let snapshot = table.to_snapshot().unwrap();
    let back = Table::from_snapshot(&snapshot).unwrap();
    prop_assert!(same(&back, &table), "{:?} {:?}", table, back);
    let profile = profile(&table);
    for column in &profile.columns {
        prop_assert!(column.missing + column.infinite <= profile.rows);
        prop_assert_eq!(column.distinct == 0, column.missing == profile.rows);
        if let Some(histogram) = &column.histogram {
            let counted: u64 = histogram.counts.iter().sum();
            prop_assert_eq!(counted, profile.rows - column.missing - column.infinite);
            prop_assert_eq!(histogram.edges.len(), histogram.counts.len() + 1);
        }
    }
    prop_assert_eq!(table.head(5).len(), table.rows.min(5));
    Ok(())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A column of so many rows, as a reader could have made it.
fn column(rows: usize) -> impl Strategy<Value = (Kind, Values)> {
    let numbers =
        vec(option::of(prop_oneof![any::<f64>(), Just(f64::INFINITY), Just(0.1)]), rows).prop_map(|values| {
            let values =
                values.into_iter().map(|value| value.filter(|v| !v.is_nan()).map_or(f64::NAN, |v| v + 0.0));
            (Kind::Number, Values::Number(values.collect()))
        });
    let integers = vec(option::of(-(1_i64 << 53) + 1..1 << 53), rows).prop_map(|values| {
        let values = values.into_iter().map(|value| value.map_or(f64::NAN, |value| value as f64));
        (Kind::Integer, Values::Number(values.collect()))
    });
    let booleans = vec(prop_oneof![Just(0), Just(1), Just(MISSING_BOOLEAN)], rows)
        .prop_map(|values| (Kind::Boolean, Values::Boolean(values)));
    let times =
        vec(option::of(-62_000_000_000_000_000_i64..250_000_000_000_000_000), rows).prop_map(|values| {
            let values = values.into_iter().map(|value| value.unwrap_or(MISSING_TIME));
            (Kind::Datetime, Values::Time(values.collect()))
        });
    let kind = prop_oneof![Just(Kind::Category), Just(Kind::Text), Just(Kind::Identifier)];
    let strings = (kind, vec(option::of("[a-c]{1,2}|\\PC{1,12}"), rows)).prop_map(|(kind, values)| {
        let mut levels: Vec<String> = Vec::new();
        let codes = values.into_iter().map(|value| {
            let Some(value) = value.map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()) else {
                return MISSING_CODE;
            };
            let code = levels.iter().position(|level| *level == value).unwrap_or_else(|| {
                levels.push(value);
                levels.len() - 1
            });
            u32::try_from(code).unwrap()
        });
        let codes = codes.collect();
        (kind, Values::Strings { codes, levels })
    });
    prop_oneof![numbers, integers, booleans, times, strings]
}

fn table() -> impl Strategy<Value = Table> {
    (0_usize..40, 1_usize..8).prop_flat_map(|(rows, columns)| {
        vec((column(rows), "\\PC{0,5}"), columns).prop_map(move |columns| {
            let columns = columns.into_iter().enumerate().map(|(place, ((kind, values), name))| Column {
                name: format!("{place}{}x", name.replace('"', "")),
                kind,
                values,
            });
            Table { columns: columns.collect(), rows }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..600)) {
        check_read(&bytes, &small_limits())?;
        check_read(&gzip(&bytes), &small_limits())?;
        check_read(&[&b"PAR1"[..], &bytes, b"PAR1"].concat(), &small_limits())?;
        check_read(&[b"\xFF\xFE", &bytes[..]].concat(), &small_limits())?;
    }

    #[test]
    fn any_separated_text_is_read_or_refused(text in "([ab1.2:/-]{0,3}|\"[a,;\n\"]{0,4}|2024-0[0-9]-1[0-9]|1e999|NaN|[,;\t|\n\r\"]){0,120}") {
        check_read(text.as_bytes(), &small_limits())?;
        check_read(text.as_bytes(), &ReadLimits::default())?;
    }

    #[test]
    fn any_json_like_text_is_read_or_refused(
        text in "([{]|[}]|[{]\"a\":1[}]|\"[abc]\":|[-0-9.e]{1,3}|null|true|\"[xy]?\"|,|\n|[\\[\\]]){0,60}"
    ) {
        check_read(format!("{{\"a\":{text}").as_bytes(), &small_limits())?;
        check_read(format!("[{{{text}").as_bytes(), &small_limits())?;
    }

    #[test]
    fn what_is_written_as_separated_values_is_read_back(
        cells in (2_usize..6, 1_usize..20).prop_flat_map(|(columns, rows)| {
            vec(vec("(x[ -~\n]{0,6}x)|x", columns), rows)
        }),
        delimiter in prop_oneof![Just(b','), Just(b';'), Just(b'\t'), Just(b'|')],
    ) {
        let names: Vec<String> = (0..cells[0].len()).map(|place| format!("name{place}")).collect();
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(&names).unwrap();
        for row in &cells {
            writer.write_record(row).unwrap();
        }
        let table = read(&writer.into_inner().unwrap(), &ReadLimits::default()).unwrap();
        prop_assert_eq!(table.fields().into_iter().map(|field| field.name).collect::<Vec<_>>(), names);
        for (row, cells) in cells.iter().enumerate() {
            for (column, cell) in table.columns.iter().zip(cells) {
                let Values::Strings { codes, levels } = &column.values else { panic!("{column:?}") };
                prop_assert_eq!(&levels[codes[row] as usize], cell);
            }
        }
    }

    #[test]
    fn a_snapshot_is_the_table(table in table()) {
        let snapshot = table.to_snapshot().unwrap();
        let back = Table::from_snapshot(&snapshot).unwrap();
        prop_assert!(same(&table, &back), "{:?} {:?}", table, back);
        prop_assert_eq!(back.to_snapshot().unwrap(), snapshot);
    }

    #[test]
    fn a_damaged_snapshot_ends_in_an_error_or_a_table(
        table in table(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = table.to_snapshot().unwrap();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(table) = Table::from_snapshot(&bytes) {
            prop_assert!(table.columns.iter().all(|column| column.values.len() == table.rows));
        }
        check_read(&bytes, &small_limits())?;
    }

    #[test]
    fn rows_shown_are_rows_understood(table in table()) {
        let mut table = table;
        for column in &mut table.columns {
            if let Values::Number(values) = &mut column.values {
                values.iter_mut().filter(|value| value.is_infinite()).for_each(|value| *value = 1.0);
            }
        }
        let decoded = decode_rows(&table.fields(), &table.head(table.rows)).unwrap();
        prop_assert!(same(&table, &decoded), "{:?} {:?}", table, decoded);
    }

    #[test]
    fn any_json_rows_are_decoded_or_refused(
        table in table(),
        rows in vec(prop::collection::btree_map("[a-d]|0x", json(), 0..4), 0..4),
    ) {
        let rows: Vec<_> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
        if let Ok(decoded) = decode_rows(&table.fields(), &rows) {
            prop_assert_eq!(decoded.rows, rows.len());
            prop_assert_eq!(decoded.fields(), table.fields());
        }
    }

    #[test]
    fn any_csv_rows_are_decoded_or_refused(table in table(), bytes in vec(any::<u8>(), 0..200), text in "[a1,;\n\"-]{0,80}") {
        let fields = table.fields();
        let header = fields.iter().map(|field| format!("\"{}\"", field.name)).collect::<Vec<_>>().join(",");
        for body in [bytes, text.into_bytes()] {
            let file = [header.as_bytes(), b"\n", &body].concat();
            if let Ok(decoded) = decode_csv_rows(&fields, &file, &small_limits()) {
                prop_assert_eq!(decoded.fields(), fields.clone());
                prop_assert!(decoded.columns.iter().all(|column| column.values.len() == decoded.rows));
            }
        }
    }

    #[test]
    fn taken_rows_are_the_rows(table in table(), rows in vec(any::<prop::sample::Index>(), 0..20)) {
        prop_assume!(table.rows > 0);
        let rows: Vec<u32> = rows.iter().map(|row| u32::try_from(row.index(table.rows)).unwrap()).collect();
        let (all, taken) = (table.head(table.rows), table.take(&rows));
        prop_assert_eq!(taken.rows, rows.len());
        prop_assert_eq!(taken.head(rows.len()), rows.iter().map(|&row| all[row as usize].clone()).collect::<Vec<_>>());
        prop_assert!(same(&Table::from_snapshot(&taken.to_snapshot().unwrap()).unwrap(), &taken));
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,8}".prop_map(Into::into),
        Just(serde_json::json!([{"a": 1}])),
    ]
}

#[test]
fn a_snapshot_is_checked() {
    let error = |table: &Table| table.to_snapshot().unwrap_err().detail;
    let column = |name: &str, kind, values| Column { name: name.to_owned(), kind, values };
    let numbers = |kind, values: &[f64]| {
        let columns = vec![column("x", kind, Values::Number(values.to_vec()))];
        Table { columns, rows: values.len() }
    };
    assert!(error(&Table::default()).contains("no columns"));
    assert!(error(&numbers(Kind::Integer, &[0.5])).contains("kind"));
    assert!(error(&numbers(Kind::Category, &[1.0])).contains("kind"));
    assert!(error(&Table { rows: 2, ..numbers(Kind::Number, &[0.5]) }).contains("shorter"));
    let twice = column("x", Kind::Boolean, Values::Boolean(vec![0]));
    let mut table = numbers(Kind::Number, &[0.5]);
    table.columns.push(twice);
    assert!(error(&table).contains("name"));

    let other = numbers(Kind::Number, &[0.5]).to_snapshot().unwrap();
    assert!(Table::from_snapshot(&other[..other.len() - 1]).is_err());
    assert!(Table::from_snapshot(b"").is_err());
    assert!(Table::from_snapshot(b"a,b\n1,2\n").is_err());
}

/// One table in every format and packing.
#[test]
fn formats_agree() {
    let csv = "rooms,price,when,sold,town\n7,1.5,2024-01-02,true,Bern\n,2.0,,false,\n9,,2024-02-03T04:05:06Z,,Bern\n";
    let json = r#"
        {"rooms": 7, "price": 1.5, "when": "2024-01-02", "sold": true, "town": "Bern"}
        {"price": 2.0, "sold": false}
        {"rooms": 9, "when": "2024-02-03T04:05:06Z", "town": "Bern"}
    "#;
    let limits = ReadLimits::default();
    let table = read(csv.as_bytes(), &limits).unwrap();
    let kinds: Vec<Kind> = table.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Kind::Integer, Kind::Number, Kind::Datetime, Kind::Boolean, Kind::Category]);
    let utf16: Vec<u8> = format!("\u{FEFF}{csv}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files = [
        json.as_bytes().to_vec(),
        format!("[{}]", json.trim().replace('\n', ",")).into_bytes(),
        gzip(csv.as_bytes()),
        [gzip(&csv.as_bytes()[..20]), gzip(&csv.as_bytes()[20..])].concat(),
        csv.replace(',', ";").into_bytes(),
        csv.replace(',', "\t").replace('\n', "\r\n").into_bytes(),
        utf16,
        table.to_snapshot().unwrap(),
    ];
    for file in files {
        assert!(same(&read(&file, &limits).unwrap(), &table), "{}", String::from_utf8_lossy(&file));
    }
}
