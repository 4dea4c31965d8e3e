//! Archives that are no backups, or no longer: each is refused, whatever it is made of.

use super::archive::{self, CHECKSUMS, MAX_ITEMS_BYTES, MAX_OBJECT_BYTES, Piece, header};
use super::reader::{Event, Extent, Seen, read};
use crate::ports::Item;
use crate::problem::{Problem, Result};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::{Cursor, Read};
use std::iter::repeat_n;
use tar::EntryType;
use tokio::sync::mpsc;

const MANIFEST: &str =
    r#"{"format":1,"version":"0.1.0","workspace":"w","created_at":"2026-03-01T12:00:00Z"}"#;

/// Entries as the program writes them, with their checksums.
fn written(entries: &[(&str, &[u8])], compress: bool) -> Vec<u8> {
    let (pieces, waiting) = mpsc::channel(1000);
    for (name, bytes) in entries {
        pieces.blocking_send(Piece::Begin((*name).to_owned(), bytes.len() as u64)).unwrap();
        pieces.blocking_send(Piece::Data(bytes.to_vec())).unwrap();
    }
    pieces.blocking_send(Piece::End).unwrap();
    let (bytes, written) = archive::write(Vec::new(), compress, waiting).unwrap().unwrap();
    assert_eq!(written.bytes, bytes.len() as u64);
    bytes
}

fn line(partition: &str, sort: &str, value: &Value) -> String {
    json!({ "partition": partition, "sort": sort, "version": 3, "value": value }).to_string() + "\n"
}

/// A name that does not fit in a header.
fn long_name() -> String {
    format!("objects/w/{}", ["0123456789"; 45].join("/"))
}

fn sound(compress: bool) -> Vec<u8> {
    let lines =
        line("w/model", "m", &json!({ "a": 1.5, "ü": [null, "x"] })) + &line("w/secret", "s", &json!(1));
    let lines_2 = line("w/run", "run_1", &json!({}));
    let entries: [(&str, &[u8]); 7] = [
        ("manifest.json", MANIFEST.as_bytes()),
        ("items/000001.jsonl", lines.as_bytes()),
        ("items/000002.jsonl", lines_2.as_bytes()),
        ("objects/uploads/w/ds_1/00000001-x", b"a,b\n1,2\n"),
        (&long_name(), b""),
        ("objects/w/artifacts/a.fettle", &[7; 1500]),
        ("objects/w/artifacts/b.fettle", &[0; 512]),
    ];
    written(&entries, compress)
}

/// What is in an archive: its items and its objects.
type Contents = (Vec<Item>, Vec<(String, Vec<u8>)>);

fn contents(input: impl Read) -> Result<(Seen, Contents)> {
    let (mut items, mut objects) = (Vec::new(), Vec::<(String, Vec<u8>)>::new());
    let seen = read(input, Extent::Whole, &mut |event| {
        match event {
            Event::Items(some) => items.extend(some),
            Event::Object(key, _) => objects.push((key, Vec::new())),
            Event::Data(data) => objects.last_mut().unwrap().1.extend(data),
        }
        Ok(())
    })?;
    Ok((seen, (items, objects)))
}

#[track_caller]
fn refused(archive: &[u8], why: &str) {
    let problem: Problem = contents(archive).expect_err("it should be refused");
    assert!(problem.to_string().contains(why), "{problem}");
    assert_eq!(problem.status(), 400, "{problem}");
}

/// With sound entries around these.
#[track_caller]
fn entries_refused(entries: &[(&str, &[u8])], why: &str) {
    let mut all: Vec<(&str, &[u8])> = vec![("manifest.json", MANIFEST.as_bytes())];
    all.extend(entries);
    refused(&written(&all, false), why);
}

#[test]
fn what_was_written_is_read() {
    for compress in [false, true] {
        let (seen, (items, objects)) = contents(&sound(compress)[..]).unwrap();
        assert_eq!((seen.items, seen.objects, seen.object_bytes), (3, 4, 2020));
        assert_eq!(items[0].value, json!({ "a": 1.5, "ü": [null, "x"] }));
        assert_eq!((items[2].key.partition.as_str(), items[2].version), ("w/run", 3));
        let names: Vec<String> = objects.iter().map(|(key, _)| format!("objects/{key}")).collect();
        assert_eq!(names[1], long_name());
        assert_eq!(objects[0].1, b"a,b\n1,2\n");
        assert_eq!(objects[2].1, [7; 1500]);
    }
}

#[test]
fn any_tar_reads_it() {
    let archive = sound(false);
    let mut tar = tar::Archive::new(&archive[..]);
    let names: Vec<String> =
        tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
    assert_eq!(names.len(), 8);
    assert!(names.contains(&long_name()) && names[7] == CHECKSUMS, "{names:?}");
}

#[test]
fn a_changed_byte_anywhere_is_found() {
    let archive = sound(false);
    for at in 0..archive.len() {
        for change in [1, 0x20, 0xff] {
            let mut changed = archive.clone();
            changed[at] ^= change;
            assert!(contents(&changed[..]).is_err(), "byte {at} of {}", archive.len());
        }
    }
}

#[test]
fn a_changed_byte_of_a_compressed_one_changes_nothing_or_is_found() {
    let archive = sound(true);
    let sound = contents(&archive[..]).unwrap();
    for at in 0..archive.len() {
        let mut changed = archive.clone();
        changed[at] ^= 0x10;
        if let Ok(contents) = contents(&changed[..]) {
            assert_eq!(contents, sound, "byte {at}");
        }
    }
}

#[test]
fn a_part_of_one_is_none_and_nothing_may_follow_it() {
    for compress in [false, true] {
        let archive = sound(compress);
        for length in (0..archive.len()).step_by(if compress { 1 } else { 37 }).chain([archive.len() - 1]) {
            assert!(contents(&archive[..length]).is_err(), "{length} of {}", archive.len());
        }
        refused(&[&archive[..], b"x"].concat(), "");
        refused(&[&archive[..], &archive].concat(), "after its end");
        refused(&[&archive[..], &[0; 512]].concat(), "");
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let long = format!("objects/w/{}", "x".repeat(600));
    for name in [
        "objects/w/../x",
        "objects/w/./x",
        "objects/../w/x",
        "objects//w/x",
        "objects/w/",
        "objects/w",
        "objects/other/x",
        "objects/uploads/other/x",
        "objects/platform/x",
        "/objects/w/x",
        "/etc/passwd",
        "../objects/w/x",
        "./objects/w/x",
        "objects/w/a b",
        "objects/w/a\\b",
        "objects/w/é",
        "items/../x",
        "items/000003.jsonl",
        "items/1.jsonl",
        "items/",
        "readme.txt",
        "",
        &long,
    ] {
        entries_refused(&[(name, b"x")], "");
    }
}

#[test]
fn entries_come_once_and_in_their_order() {
    let one = line("w/model", "m", &json!(1));
    entries_refused(&[("objects/w/a", b"1"), ("objects/w/a", b"2")], "twice");
    entries_refused(&[("objects/w/b", b"1"), ("objects/w/a", b"2")], "order");
    entries_refused(&[("manifest.json", MANIFEST.as_bytes())], "no place");
    entries_refused(&[("items/000001.jsonl", one.as_bytes()); 2], "no place");
    entries_refused(&[("items/000002.jsonl", one.as_bytes())], "no place");
    entries_refused(&[("objects/w/a", b""), ("items/000001.jsonl", one.as_bytes())], "no place");
    entries_refused(&[(CHECKSUMS, b"{}")], "checksums");
    refused(&written(&[("items/000001.jsonl", one.as_bytes())], false), "begin with");
}

#[test]
fn only_files_are_in_it() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Continuous,
        EntryType::GNUSparse,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        let mut archive = written(&[("manifest.json", MANIFEST.as_bytes())], false);
        archive.truncate(1024);
        let mut entry = tar::Header::new_gnu();
        entry.as_old_mut().name[..11].copy_from_slice(b"objects/w/a");
        entry.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
        entry.set_entry_type(kind);
        entry.set_size(0);
        entry.set_cksum();
        archive.extend(entry.as_bytes());
        refused(&archive, "not a file");
    }
}

/// A sound beginning, a header of that size, and as many zeros as anybody wants.
fn huge(name: &str, bytes: u64) -> impl Read {
    let mut archive = written(&[("manifest.json", MANIFEST.as_bytes())], false);
    archive.truncate(1024);
    archive.extend(header(name, bytes));
    Cursor::new(archive).chain(std::io::repeat(0))
}

#[test]
fn sizes_over_the_limits_are_refused_unread() {
    const TEN_GB: u64 = 10_000_000_000;
    for (name, bytes) in [
        ("items/000001.jsonl", TEN_GB),
        ("items/000001.jsonl", MAX_ITEMS_BYTES + 1),
        ("objects/w/a", MAX_OBJECT_BYTES + 1),
        ("objects/w/a", u64::MAX / 2),
        (CHECKSUMS, TEN_GB),
    ] {
        let problem = contents(huge(name, bytes)).unwrap_err();
        assert_eq!(problem.status(), 400, "{name}, {bytes}: {problem}");
    }
    // An object may be as large as that, but then it has to be there.
    let mut archive = Vec::new();
    huge("objects/w/a", TEN_GB).take(2048).read_to_end(&mut archive).unwrap();
    refused(&archive, "too early");
    let mut archive = header("manifest.json", TEN_GB);
    archive.extend([b' '; 4096]);
    refused(&archive, "limit");
    let mut long = tar::Header::new_gnu();
    long.set_entry_type(EntryType::GNULongName);
    long.set_size(TEN_GB);
    long.set_cksum();
    refused(&[&long.as_bytes()[..], &[b'x'; 4096]].concat(), "limit");
}

#[test]
fn items_of_others_are_refused() {
    let due =
        |workspace: &str| json!({ "queue": "trial", "message": { "workspace": workspace, "run": "r" } });
    let at = |workspace: &str| format!("00000000000000000001/{workspace}/run_1");
    let key = |workspace: &str| {
        json!({ "id": "abc", "workspace": workspace, "name": "n", "role": "admin", "hash": "00",
                "created_at": "2026-03-01T12:00:00Z" })
    };
    for (partition, sort, value) in [
        ("other/model", "m", json!({})),
        ("w", "m", json!({})),
        ("ww/model", "m", json!({})),
        ("w/idempotency", "m", json!({})),
        ("platform/restore", "w", json!({})),
        ("platform/else", "w", json!({})),
        ("platform/due", &at("other"), due("w")),
        ("platform/due", &at("w"), due("other")),
        ("platform/due", &at("w"), json!({ "queue": "ingest", "message": { "key": "other/uploads/x/1-x" } })),
        ("platform/due", &at("w"), json!({})),
        ("platform/key", "abc", key("other")),
        ("platform/key", "abd", key("w")),
        ("platform/key", "abc", json!({})),
        ("platform/admin", "second", json!("abc")),
    ] {
        let one = line(partition, sort, &value);
        entries_refused(&[("items/000001.jsonl", one.as_bytes())], "does not belong");
    }
    for (partition, sort, value) in [
        ("platform/due", at("w").as_str(), due("w")),
        ("platform/key", "abc", key("w")),
        ("platform/admin", "first", json!("abc")),
    ] {
        let one = line(partition, sort, &value);
        let archive =
            written(&[("manifest.json", MANIFEST.as_bytes()), ("items/000001.jsonl", one.as_bytes())], false);
        assert_eq!(contents(&archive[..]).unwrap().1.0.len(), 1);
    }
}

#[test]
fn what_is_no_item_is_refused() {
    let good = line("w/model", "m", &json!(1));
    let long = "x".repeat(513);
    for (lines, why) in [
        ("{}\n".to_owned(), "line 1"),
        ("\n".to_owned(), "line 1"),
        (String::new(), "whole line"),
        (good.trim_end().to_owned(), "whole line"),
        (good.repeat(2), "twice"),
        (good.replace("\"version\":3", "\"version\":0"), "versions"),
        (good.replace("\"version\":3", "\"version\":-1"), "line 1"),
        (good.replace("\"version\":3", "\"version\":3,\"more\":1"), "more"),
        (line(&format!("w/{long}"), "m", &json!(1)), "bytes"),
        (line("w/model", "", &json!(1)), "bytes"),
        (line("w/model", "m", &json!("x".repeat(1 << 20))), "bytes"),
        (format!("{}{}\n", "[".repeat(100_000), "]".repeat(100_000)), "line 1"),
    ] {
        entries_refused(&[("items/000001.jsonl", lines.as_bytes())], why);
    }
    entries_refused(&[("items/000001.jsonl", b"\xff\xfe\n")], "line 1");
}

#[test]
fn other_formats_and_workspaces_that_can_not_be_are_refused() {
    let manifest = |from: &str, to: &str| MANIFEST.replace(from, to);
    for (text, why) in [
        (manifest("\"format\":1", "\"format\":2"), "format 2"),
        (r#"{"format":7,"layout":"new"}"#.to_owned(), "format 7"),
        (manifest("\"format\":1,", ""), "format"),
        (manifest("\"w\"", "\"platform\""), "platform"),
        (manifest("\"w\"", "\"uploads\""), "platform"),
        (manifest("\"w\"", "\"../w\""), "workspace"),
        (manifest("\"w\"", "\"\""), "workspace"),
        ("not JSON".to_owned(), "manifest.json"),
    ] {
        refused(&written(&[("manifest.json", text.as_bytes())], false), why);
    }
}

#[test]
fn a_bomb_does_not_go_off() {
    let zeros = vec![b' '; 64 << 20];
    let bomb = written(&[("manifest.json", MANIFEST.as_bytes()), ("items/000001.jsonl", &zeros)], true);
    assert!(bomb.len() < 64 << 10);
    refused(&bomb, "limit");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        prop_assert!(contents(&bytes[..]).is_err());
        let zstd = zstd::encode_all(&bytes[..], 1).unwrap();
        prop_assert!(contents(&zstd[..]).is_err());
    }

    /// Blocks taken out, repeated and swapped, which leaves headers whole.
    #[test]
    fn shuffled_blocks_are_refused(from in 0usize..100, to in 0usize..100, count in 1usize..4, cut in any::<bool>()) {
        let archive = sound(false);
        let blocks: Vec<&[u8]> = archive.chunks(512).collect();
        let from = from % blocks.len();
        let taken: Vec<&[u8]> = blocks[from..].iter().take(count).copied().collect();
        let mut shuffled = blocks.clone();
        if cut {
            shuffled.drain(from..from + taken.len());
        }
        let to = to % (shuffled.len() + 1);
        shuffled.splice(to..to, taken);
        let shuffled = shuffled.concat();
        prop_assert!(shuffled == archive || contents(&shuffled[..]).is_err());
    }

    #[test]
    fn arbitrary_entries_are_refused_or_read(
        names in prop::collection::vec("(objects/w/|items/|)[a-c./]{0,6}", 0..4),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut entries: Vec<(&str, &[u8])> = vec![("manifest.json", MANIFEST.as_bytes())];
        entries.extend(names.iter().map(String::as_str).zip(repeat_n(&bytes[..], 4)));
        if let Ok((_, (items, objects))) = contents(&written(&entries, false)[..]) {
            prop_assert!(items.is_empty());
            for (key, data) in objects {
                prop_assert_eq!(&data, &bytes);
                prop_assert!(key.starts_with("w/") && key.split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }
}
