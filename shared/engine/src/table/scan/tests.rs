use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::table::{Field, MISSING_CODE, Values};

fn column(name: &str, kind: Kind, values: Values) -> Column {
    Column { name: name.into(), kind, values }
}

fn field(name: &str, kind: Kind) -> Field {
    Field { name: name.into(), kind }
}

/// Over two row groups, the last one short.
fn table(rows: usize) -> Table {
    Table {
        rows,
        columns: vec![
            column("n", Kind::Number, Values::Number((0..rows).map(|i| i as f64 / 4.0).collect())),
            column("i", Kind::Integer, Values::Number((0..rows).map(|i| i as f64).collect())),
            column("b", Kind::Boolean, Values::Boolean((0..rows).map(|i| (i % 3) as u8 % 2).collect())),
            column("t", Kind::Datetime, Values::Time((0..rows as i64).map(|i| i * 1_000_000).collect())),
            column(
                "c",
                Kind::Category,
                Values::Strings {
                    codes: (0..rows as u32).map(|i| if i % 5 == 4 { MISSING_CODE } else { i % 4 }).collect(),
                    levels: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
                },
            ),
            column(
                "blank",
                Kind::Text,
                Values::Strings { codes: vec![MISSING_CODE; rows], levels: Vec::new() },
            ),
        ],
    }
}

fn footer(bytes: &[u8]) -> Footer {
    let tail = bytes[bytes.len() - Footer::TAIL..].try_into().unwrap();
    let length = Footer::length(tail).unwrap() as usize;
    Footer::parse(&bytes[bytes.len() - length..], u64::MAX).unwrap()
}

/// The slices of a group, from its own bytes and no others.
fn slices(bytes: &[u8], footer: &Footer, group: usize, columns: &[Field], inputs: usize) -> Vec<Slice> {
    let ranges = footer.ranges(group, columns).unwrap();
    let pieces = ranges
        .into_iter()
        .map(|(start, length)| (start, bytes[start as usize..(start + length) as usize].to_vec()))
        .collect();
    let mut group = Group::open(footer, group, pieces, columns, inputs).unwrap();
    let mut slices = Vec::new();
    while let Some(slice) = group.next_slice().unwrap() {
        slices.push(slice);
    }
    slices
}

#[test]
fn groups_hold_the_rows_of_the_file() {
    let whole = table(140_000);
    let bytes = whole.to_snapshot().unwrap();
    let footer = footer(&bytes);
    assert_eq!((footer.rows(), footer.groups()), (140_000, 2));
    assert_eq!((footer.group_rows(0), footer.group_rows(1)), (1..131_073, 131_073..140_001));
    assert!(footer.group_rows(2).is_empty());
    let columns = [field("c", Kind::Category), field("n", Kind::Number), field("t", Kind::Datetime)];
    footer.check(&columns).unwrap();
    let mut next = 1;
    for group in 0..2 {
        for slice in slices(&bytes, &footer, group, &columns, 3) {
            assert!(slice.faults.is_empty() && slice.len() <= SLICE_ROWS);
            assert_eq!(slice.rows, (next..next + slice.len() as u64).collect::<Vec<_>>());
            let rows: Vec<u32> = slice.rows.iter().map(|row| *row as u32 - 1).collect();
            for found in &slice.table.columns {
                let expected = whole.column(&found.name).unwrap().values.take(&rows);
                assert_eq!(found.values, expected, "{} from row {next} on", found.name);
            }
            next += slice.len() as u64;
        }
    }
    assert_eq!(next, 140_001);
}

#[test]
fn a_group_is_read_from_little_of_the_file() {
    let bytes = table(140_000).to_snapshot().unwrap();
    let footer = footer(&bytes);
    let read: u64 = footer.ranges(1, &[field("i", Kind::Integer)]).unwrap().iter().map(|range| range.1).sum();
    assert!(read > 0 && read < bytes.len() as u64 / 10, "{read} of {}", bytes.len());
    assert!(footer.ranges(2, &[field("i", Kind::Integer)]).is_err());
}

#[test]
fn columns_that_do_not_suit_are_named() {
    let bytes = table(10).to_snapshot().unwrap();
    let footer = footer(&bytes);
    let fault = |name: &str, kind| footer.check(&[field("n", Kind::Number), field(name, kind)]).unwrap_err();
    for (name, kind) in
        [("absent", Kind::Number), ("c", Kind::Number), ("n", Kind::Text), ("t", Kind::Boolean)]
    {
        assert_eq!(fault(name, kind).column, name);
    }
    assert!(fault("absent", Kind::Number).detail.contains("missing"));
    for (name, kind) in [("n", Kind::Integer), ("c", Kind::Text), ("blank", Kind::Number)] {
        footer.check(&[field(name, kind)]).unwrap();
    }
    let blank = slices(&bytes, &footer, 0, &[field("blank", Kind::Datetime)], 1).remove(0);
    assert!((0..10).all(|row| blank.table.columns[0].values.is_missing(row)));
}

#[test]
fn rows_whose_numbers_do_not_fit_are_faults() {
    let mut whole = table(6);
    whole.columns[0].values = Values::Number(vec![1.0, 2.5, f64::INFINITY, f64::NAN, -3.0, 0.5]);
    let bytes = whole.to_snapshot().unwrap();
    let columns = [field("n", Kind::Integer), field("i", Kind::Integer)];
    let slice = slices(&bytes, &footer(&bytes), 0, &columns, 2).remove(0);
    assert_eq!(slice.rows, [1, 4, 5]);
    assert_eq!(slice.faults.iter().map(|fault| fault.row).collect::<Vec<_>>(), [2, 3, 6]);
    assert!(slice.faults.iter().all(|fault| fault.column.as_deref() == Some("n")), "{:?}", slice.faults);
    assert_eq!(slice.table.columns[1].values, Values::Number(vec![0.0, 3.0, 4.0]));
    // What is only carried along may be anything.
    let columns = [field("i", Kind::Integer), field("n", Kind::Number)];
    assert_eq!(slices(&bytes, &footer(&bytes), 0, &columns, 1).remove(0).rows.len(), 6);
}

#[test]
fn broken_files_end_in_an_error() {
    let bytes = table(50).to_snapshot().unwrap();
    assert!(Footer::length(*b"\0\0\0\0PAR2").is_err());
    let length = Footer::length(bytes[bytes.len() - 8..].try_into().unwrap()).unwrap() as usize;
    let columns = [field("n", Kind::Number), field("c", Kind::Category)];
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 0x41;
        let Ok(footer) = Footer::parse(&broken[broken.len() - length..], 1 << 20) else { continue };
        let Ok(ranges) = footer.ranges(0, &columns) else { continue };
        let piece = |(start, length): (u64, u64)| {
            let from = (start as usize).min(broken.len());
            (start, broken[from..from.saturating_add(length as usize).min(broken.len())].to_vec())
        };
        let pieces = ranges.into_iter().map(piece).collect();
        let Ok(mut group) = Group::open(&footer, 0, pieces, &columns, 2) else { continue };
        while let Ok(Some(_)) = group.next_slice() {}
    }
    assert!(
        Footer::parse(&bytes[bytes.len() - length..], 10)
            .is_err_and(|error| error.remedy.contains("smaller"))
    );
}

fn pieces(text: &str, rows: u64, bytes: u64) -> Vec<Piece> {
    let header = Header::detect(text.as_bytes(), true).unwrap();
    let mut pieces =
        Pieces::new(text.as_bytes(), &header, PieceLimits { rows, bytes, record_bytes: 1 << 20 });
    let mut all = Vec::new();
    while let Some(piece) = pieces.next_piece().unwrap() {
        all.push(piece);
    }
    all
}

fn records(text: &str, piece: &Piece, columns: &[Field], inputs: usize) -> Vec<Slice> {
    let header = Header::detect(text.as_bytes(), true).unwrap();
    let bytes = text.as_bytes()[piece.start as usize..piece.end as usize].to_vec();
    let mut records = Records::new(bytes, header, piece.first, columns.to_vec(), inputs);
    let mut all = Vec::new();
    while let Some(slice) = records.next_slice().unwrap() {
        all.push(slice);
    }
    all
}

#[test]
fn a_bad_record_is_a_fault_and_no_more() {
    let text = "n;c;more\n1,5;x;k\nzwei;y;l\n3;z\n\n-;\"a;\nb\";m\n4;;n\n";
    let all = pieces(text, 2, 1 << 20);
    assert_eq!(
        all.iter().map(|piece| (piece.first, piece.rows)).collect::<Vec<_>>(),
        [(1, 2), (3, 2), (5, 1)]
    );
    let columns = [field("n", Kind::Number), field("c", Kind::Category), field("more", Kind::Text)];
    let slices: Vec<Slice> = all.iter().flat_map(|piece| records(text, piece, &columns, 2)).collect();
    let rows: Vec<u64> = slices.iter().flat_map(|slice| slice.rows.clone()).collect();
    let faults: Vec<&Fault> = slices.iter().flat_map(|slice| &slice.faults).collect();
    assert_eq!((rows, faults.len()), (vec![1, 4, 5], 2));
    assert_eq!((faults[0].row, faults[0].column.as_deref()), (2, Some("n")));
    assert!(faults[0].detail.contains("the row has the string \"zwei\""), "{}", faults[0].detail);
    assert_eq!((faults[1].row, faults[1].column.as_deref()), (3, None));
    let Values::Strings { levels, .. } = &slices[1].table.columns[1].values else { panic!() };
    assert_eq!(levels, &["a;\nb"]);
}

#[test]
fn what_is_no_csv_is_refused() {
    for (bytes, what) in [
        (&b""[..], "no row"),
        (b"\n \n", "no row"),
        (b"\x1F\x8B\x08", "gzip"),
        (b"  {\"a\": 1}", "JSON"),
        (b"a,b,a\n1,2,3\n", "two columns"),
        (b"\xFF\xFEa\0", "UTF-16"),
        (b"\xE9,b\n1,2\n", "UTF-8"),
    ] {
        let error = Header::detect(bytes, true).unwrap_err();
        assert!(error.detail.contains(what), "{what} in {error}");
    }
    let endless = format!("a,b\n1,2\n\"{}", "x".repeat(3 << 20));
    let header = Header::detect(endless.as_bytes(), false).unwrap();
    let limits = PieceLimits { rows: 10, bytes: 1 << 30, record_bytes: 1 << 20 };
    let mut pieces = Pieces::new(endless.as_bytes(), &header, limits);
    assert!(pieces.next_piece().is_err_and(|error| error.detail.contains("quote")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However a file is cut, its pieces hold all of its rows, once, with their numbers.
    #[test]
    fn pieces_are_the_file(
        cells in prop::collection::vec(("[a-c\"\n\r,; ]{0,6}", 0..100_u32), 1..60),
        rows in 1..9_u64,
        bytes in 1..200_u64,
        blank in 0..4_usize,
    ) {
        let mut text = String::from("c,n\n");
        for (at, (cell, number)) in cells.iter().enumerate() {
            writeln!(text, "\"{}\",{number}", cell.replace('"', "\"\"")).unwrap();
            if blank > 0 && at % blank == 0 {
                text.push_str("\n \n");
            }
        }
        let all = pieces(&text, rows, bytes);
        prop_assert!(all.windows(2).all(|two| two[0].end == two[1].start && two[0].first + two[0].rows == two[1].first));
        let columns = [field("n", Kind::Number), field("c", Kind::Text)];
        let mut next = 0;
        for piece in &all {
            for slice in records(&text, piece, &columns, 2) {
                prop_assert!(slice.faults.is_empty());
                let Values::Number(numbers) = &slice.table.columns[0].values else { panic!() };
                let Values::Strings { codes, levels } = &slice.table.columns[1].values else { panic!() };
                for (at, row) in slice.rows.iter().enumerate() {
                    prop_assert_eq!(*row, next as u64 + 1);
                    let text = levels.get(codes[at] as usize).map_or("", String::as_str);
                    prop_assert_eq!((text, numbers[at]), (cells[next].0.trim(), f64::from(cells[next].1)));
                    next += 1;
                }
            }
        }
        prop_assert_eq!(next, cells.len());
    }
}
