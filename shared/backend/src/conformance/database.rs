//! What every database holds to.

use super::refused;
use crate::clock::{Clock, SystemClock};
use crate::ports::{Condition, Database, ErrorKind, Item, Key, Query, Write};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// One test a property, for an expression whose future gives `(Arc<dyn Database>, _)`.
#[macro_export]
macro_rules! database_suite {
    ($fixture:expr) => {
        $crate::conformance_tests!(
            database,
            $fixture,
            [
                nothing_is_under_a_new_key,
                an_item_is_read_as_it_was_written,
                numbers_keep_their_last_bit,
                versions_count_the_writes_since_the_item_was_made,
                absent_holds_only_where_nothing_is,
                a_version_holds_only_for_that_version,
                a_removal_may_be_conditional,
                a_check_writes_nothing,
                a_transaction_is_all_or_nothing,
                a_conflict_names_the_first_write_that_failed,
                a_transaction_has_one_to_a_hundred_writes,
                two_writes_on_one_key_are_refused,
                keys_have_bounds,
                values_have_a_bound,
                an_answered_write_is_seen,
                sort_keys_are_ordered_by_bytes,
                partitions_are_apart,
                a_prefix_is_no_pattern,
                a_walk_has_bounds,
                pages_make_up_the_walk,
                limits_have_bounds,
                what_has_expired_is_not_there,
                an_item_expires_by_itself,
                a_walk_passes_what_has_expired,
                of_twenty_creators_one_wins,
                of_twenty_updates_of_a_version_one_wins,
                concurrent_increments_are_all_counted,
                transfers_keep_the_sum,
                restored_items_are_as_they_were,
            ]
        );
    };
}

type Port = Arc<dyn Database>;

async fn put(database: &Port, key: &Key, value: Value, condition: Condition) -> crate::ports::Result<()> {
    database.write(&[Write::Put { key: key.clone(), value, expires_at: None, condition }]).await
}

async fn put_until(database: &Port, key: &Key, value: Value, expires_at: Timestamp) {
    let write =
        Write::Put { key: key.clone(), value, expires_at: Some(expires_at), condition: Condition::Any };
    database.write(&[write]).await.unwrap();
}

async fn version(database: &Port, key: &Key) -> Option<u64> {
    database.get(key).await.unwrap().map(|item| item.version)
}

/// Writes items with these sort keys in as few transactions as may be.
async fn fill(database: &Port, partition: &str, sorts: &[String]) {
    for part in sorts.chunks(100) {
        let writes: Vec<Write> = part
            .iter()
            .map(|sort| Write::create(Key::new(partition, sort.as_str()), json!({ "sort": sort })))
            .collect();
        database.write(&writes).await.unwrap();
    }
}

/// All pages of a walk, each at most as long as its limit; the sort keys.
async fn walk(database: &Port, mut query: Query) -> Vec<String> {
    let mut sorts = Vec::new();
    for _ in 0..10_000 {
        let page = database.query(&query).await.unwrap();
        assert!(page.items.len() <= query.limit);
        for item in &page.items {
            assert_eq!(item.key.partition, query.partition);
            assert_eq!(item.value, json!({ "sort": item.key.sort }));
        }
        sorts.extend(page.items.into_iter().map(|item| item.key.sort));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return sorts,
        }
    }
    panic!("the walk does not end");
}

pub async fn nothing_is_under_a_new_key(database: Port, ns: &str) {
    assert_eq!(database.get(&Key::new(ns, "a")).await.unwrap(), None);
    let page = database.query(&Query::prefix(ns, "", 10)).await.unwrap();
    assert_eq!((page.items, page.next), (vec![], None));
    database.write(&[Write::remove(Key::new(ns, "a"))]).await.unwrap();
}

pub async fn an_item_is_read_as_it_was_written(database: Port, ns: &str) {
    let value = json!({
        "text": "line\nfeed, \u{0}, é, 日本, 😀", "empty": "", "nothing": null, "truth": [true, false],
        "nested": {"": {"a": [[], {}, [1, [2, [3]]]]}}, "sort": "not the key's",
    });
    let expires_at = Timestamp::from_second(4_000_000_000).unwrap();
    let key = Key::new(format!("{ns}/partition é"), "sort/日本");
    put_until(&database, &key, value.clone(), expires_at).await;
    let item = Item { key: key.clone(), value, version: 1, expires_at: Some(expires_at) };
    assert_eq!(database.get(&key).await.unwrap(), Some(item.clone()));
    let page = database.query(&Query::prefix(key.partition.clone(), "sort/", 10)).await.unwrap();
    assert_eq!((page.items, page.next), (vec![item], None));

    for (index, value) in [json!(null), json!(false), json!(""), json!([]), json!(7)].into_iter().enumerate()
    {
        let key = Key::new(ns, format!("{index}"));
        put(&database, &key, value.clone(), Condition::Absent).await.unwrap();
        let item = database.get(&key).await.unwrap().unwrap();
        assert_eq!((item.value, item.expires_at), (value, None));
    }
}

pub async fn numbers_keep_their_last_bit(database: Port, ns: &str) {
    let floats =
        [0.1, 1.0 / 3.0, -1.5e-300, f64::MAX, f64::MIN_POSITIVE, 5e-324, 123_456_789.123_456_79, 1e23];
    let value = json!({ "floats": floats, "integers": [i64::MIN, i64::MAX, 0, -1], "natural": u64::MAX });
    let key = Key::new(ns, "numbers");
    put(&database, &key, value.clone(), Condition::Absent).await.unwrap();
    assert_eq!(database.get(&key).await.unwrap().unwrap().value, value);
}

pub async fn versions_count_the_writes_since_the_item_was_made(database: Port, ns: &str) {
    let key = Key::new(ns, "a");
    for expected in 1..=4 {
        put(&database, &key, json!(expected), Condition::Any).await.unwrap();
        assert_eq!(version(&database, &key).await, Some(expected));
    }
    database.write(&[Write::remove(key.clone())]).await.unwrap();
    assert_eq!(version(&database, &key).await, None);
    put(&database, &key, json!(0), Condition::Any).await.unwrap();
    assert_eq!(version(&database, &key).await, Some(1));
}

pub async fn absent_holds_only_where_nothing_is(database: Port, ns: &str) {
    let key = Key::new(ns, "a");
    put(&database, &key, json!(1), Condition::Absent).await.unwrap();
    refused(put(&database, &key, json!(2), Condition::Absent).await, ErrorKind::Conflict { at: 0 });
    let item = database.get(&key).await.unwrap().unwrap();
    assert_eq!((item.value, item.version), (json!(1), 1));
    database.write(&[Write::remove(key.clone())]).await.unwrap();
    put(&database, &key, json!(3), Condition::Absent).await.unwrap();
}

pub async fn a_version_holds_only_for_that_version(database: Port, ns: &str) {
    let key = Key::new(ns, "a");
    let conflict = ErrorKind::Conflict { at: 0 };
    refused(put(&database, &key, json!(1), Condition::Version(1)).await, conflict);
    assert_eq!(version(&database, &key).await, None);
    put(&database, &key, json!(1), Condition::Absent).await.unwrap();
    put(&database, &key, json!(2), Condition::Version(1)).await.unwrap();
    for wrong in [0, 1, 3, u64::from(u32::MAX)] {
        refused(put(&database, &key, json!(9), Condition::Version(wrong)).await, conflict);
    }
    let item = database.get(&key).await.unwrap().unwrap();
    assert_eq!((item.value, item.version), (json!(2), 2));
}

pub async fn a_removal_may_be_conditional(database: Port, ns: &str) {
    let key = Key::new(ns, "a");
    let remove = |condition| [Write::Delete { key: key.clone(), condition }];
    let conflict = ErrorKind::Conflict { at: 0 };
    refused(database.write(&remove(Condition::Version(1))).await, conflict);
    database.write(&remove(Condition::Absent)).await.unwrap();
    put(&database, &key, json!(1), Condition::Absent).await.unwrap();
    refused(database.write(&remove(Condition::Absent)).await, conflict);
    refused(database.write(&remove(Condition::Version(2))).await, conflict);
    assert_eq!(version(&database, &key).await, Some(1));
    database.write(&remove(Condition::Version(1))).await.unwrap();
    assert_eq!(version(&database, &key).await, None);
}

pub async fn a_check_writes_nothing(database: Port, ns: &str) {
    let (checked, written) = (Key::new(ns, "checked"), Key::new(ns, "written"));
    let check = |condition, value| {
        [
            Write::Check { key: checked.clone(), condition },
            Write::Put { key: written.clone(), value, expires_at: None, condition: Condition::Any },
        ]
    };
    let conflict = ErrorKind::Conflict { at: 0 };
    refused(database.write(&check(Condition::Version(1), json!(1))).await, conflict);
    assert_eq!(version(&database, &written).await, None);
    database.write(&check(Condition::Absent, json!(2))).await.unwrap();
    assert_eq!(version(&database, &checked).await, None);
    put(&database, &checked, json!("kept"), Condition::Absent).await.unwrap();
    database.write(&check(Condition::Version(1), json!(3))).await.unwrap();
    refused(database.write(&check(Condition::Absent, json!(4))).await, conflict);
    refused(database.write(&check(Condition::Version(2), json!(5))).await, conflict);
    let item = database.get(&checked).await.unwrap().unwrap();
    assert_eq!((item.value, item.version), (json!("kept"), 1));
    assert_eq!(database.get(&written).await.unwrap().unwrap().value, json!(3));
}

pub async fn a_transaction_is_all_or_nothing(database: Port, ns: &str) {
    let key = |sort: &str| Key::new(format!("{ns}/{sort}"), sort);
    database
        .write(&[Write::create(key("changed"), json!(1)), Write::create(key("removed"), json!(1))])
        .await
        .unwrap();
    let writes = |condition| {
        [
            Write::update(key("changed"), json!(2), 1),
            Write::create(key("new"), json!(2)),
            Write::Delete { key: key("removed"), condition: Condition::Version(1) },
            Write::Check { key: key("other"), condition },
        ]
    };
    refused(database.write(&writes(Condition::Version(1))).await, ErrorKind::Conflict { at: 3 });
    assert_eq!(version(&database, &key("changed")).await, Some(1));
    assert_eq!(version(&database, &key("new")).await, None);
    assert_eq!(version(&database, &key("removed")).await, Some(1));
    database.write(&writes(Condition::Absent)).await.unwrap();
    assert_eq!(version(&database, &key("changed")).await, Some(2));
    assert_eq!(version(&database, &key("new")).await, Some(1));
    assert_eq!(version(&database, &key("removed")).await, None);
}

pub async fn a_conflict_names_the_first_write_that_failed(database: Port, ns: &str) {
    put(&database, &Key::new(ns, "there"), json!(1), Condition::Absent).await.unwrap();
    let writes = [
        Write::create(Key::new(ns, "a"), json!(1)),
        Write::remove(Key::new(ns, "b")),
        Write::create(Key::new(ns, "there"), json!(1)),
        Write::update(Key::new(ns, "c"), json!(1), 1),
    ];
    refused(database.write(&writes).await, ErrorKind::Conflict { at: 2 });
    refused(database.write(&writes[2..]).await, ErrorKind::Conflict { at: 0 });
    refused(database.write(&writes[3..]).await, ErrorKind::Conflict { at: 0 });
}

pub async fn a_transaction_has_one_to_a_hundred_writes(database: Port, ns: &str) {
    let writes: Vec<Write> =
        (0..101).map(|index| Write::create(Key::new(ns, format!("{index:03}")), json!(index))).collect();
    refused(database.write(&[]).await, ErrorKind::Invalid);
    refused(database.write(&writes).await, ErrorKind::Invalid);
    assert_eq!(database.query(&Query::prefix(ns, "", 1)).await.unwrap().items, []);
    database.write(&writes[..100]).await.unwrap();
    assert_eq!(database.query(&Query::prefix(ns, "", 1_000)).await.unwrap().items.len(), 100);
}

pub async fn two_writes_on_one_key_are_refused(database: Port, ns: &str) {
    let key = Key::new(ns, "a");
    let check = Write::Check { key: key.clone(), condition: Condition::Absent };
    let create = Write::create(key.clone(), json!(1));
    let other = Write::create(Key::new(ns, "b"), json!(1));
    for writes in
        [[create.clone(), create.clone()], [check, create.clone()], [create, Write::remove(key.clone())]]
    {
        refused(database.write(&[&[other.clone()][..], &writes].concat()).await, ErrorKind::Invalid);
    }
    assert_eq!(version(&database, &Key::new(ns, "b")).await, None);
}

pub async fn keys_have_bounds(database: Port, ns: &str) {
    let long = |bytes: usize| "é".repeat(bytes / 2);
    for key in [Key::new(ns, ""), Key::new("", "a"), Key::new(ns, long(514)), Key::new(long(514), "a")] {
        refused(put(&database, &key, json!(1), Condition::Any).await, ErrorKind::Invalid);
        refused(database.get(&key).await, ErrorKind::Invalid);
    }
    refused(database.query(&Query::prefix("", "", 1)).await, ErrorKind::Invalid);
    let key = Key::new(format!("{ns}{}", "p".repeat(512 - ns.len())), long(512));
    put(&database, &key, json!(1), Condition::Absent).await.unwrap();
    assert_eq!(version(&database, &key).await, Some(1));
    let page = database.query(&Query::prefix(key.partition.clone(), key.sort.clone(), 1)).await.unwrap();
    assert_eq!(page.items.len(), 1);
}

pub async fn values_have_a_bound(database: Port, ns: &str) {
    let (small, large) = (Key::new(ns, "small"), Key::new(ns, "large"));
    let text = |bytes: usize| json!("x".repeat(bytes - 2));
    put(&database, &small, text(1 << 20), Condition::Absent).await.unwrap();
    assert_eq!(database.get(&small).await.unwrap().unwrap().value, text(1 << 20));
    refused(put(&database, &large, text((1 << 20) + 1), Condition::Absent).await, ErrorKind::TooLarge);
    assert_eq!(version(&database, &large).await, None);
}

pub async fn an_answered_write_is_seen(database: Port, ns: &str) {
    let key = Key::new(ns, "a");
    for round in 1..=50 {
        put(&database, &key, json!(round), Condition::Any).await.unwrap();
        assert_eq!(database.get(&key).await.unwrap().unwrap().value, json!(round));
        let page = database.query(&Query::prefix(ns, "", 10)).await.unwrap();
        assert_eq!((page.items.len(), &page.items[0].value), (1, &json!(round)));
    }
}

pub async fn sort_keys_are_ordered_by_bytes(database: Port, ns: &str) {
    // U+FFFF sorts below U+10000 in UTF-8, and above it in UTF-16.
    let mut sorts: Vec<String> = [
        "a",
        "B",
        "b",
        "A",
        "é",
        "e",
        "z",
        "日本",
        "10",
        "9",
        "a b",
        "a/b",
        "a-b",
        "ab",
        "~",
        "\u{1}",
        "\u{7f}",
        "\u{80}",
        "\u{ffff}",
        "\u{10000}",
        "😀",
        "a\u{0}",
        "a\u{0}\u{0}",
        "É",
        "ß",
        "ss",
        " ",
    ]
    .map(String::from)
    .to_vec();
    fill(&database, ns, &sorts).await;
    sorts.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    assert_eq!(walk(&database, Query::prefix(ns, "", 4)).await, sorts);
    sorts.reverse();
    assert_eq!(walk(&database, Query { descending: true, ..Query::prefix(ns, "", 4) }).await, sorts);
}

pub async fn partitions_are_apart(database: Port, ns: &str) {
    for partition in
        [format!("{ns}/a"), format!("{ns}/a/"), format!("{ns}/A"), format!("{ns}/a2"), format!("{ns}/á")]
    {
        fill(&database, &partition, &["same".to_owned(), partition.clone()]).await;
        let mut expected = vec!["same".to_owned(), partition.clone()];
        expected.sort();
        assert_eq!(walk(&database, Query::prefix(partition, "", 10)).await, expected);
    }
}

pub async fn a_prefix_is_no_pattern(database: Port, ns: &str) {
    let sorts = ["a%b", "a_b", "axb", "a%", "a", "a*b", "é1", "é2", "è", "\u{10ffff}", "\u{10ffff}x"]
        .map(String::from);
    fill(&database, ns, &sorts).await;
    for prefix in ["", "a", "a%", "a_", "a*", "ax", "axbc", "é", "\u{10ffff}", "b"] {
        let mut expected: Vec<String> =
            sorts.iter().filter(|sort| sort.starts_with(prefix)).cloned().collect();
        expected.sort();
        assert_eq!(walk(&database, Query::prefix(ns, prefix, 3)).await, expected, "{prefix:?}");
    }
}

/// 250 sort keys in order, 100 of them below `m/`.
fn two_hundred_and_fifty() -> Vec<String> {
    let below =
        |folder: &'static str, count: usize| (0..count).map(move |index| format!("{folder}/{index:04}"));
    below("k", 80).chain(below("m", 100)).chain(below("z", 70)).collect()
}

pub async fn a_walk_has_bounds(database: Port, ns: &str) {
    let sorts = two_hundred_and_fifty();
    fill(&database, ns, &sorts).await;
    let marks = [
        None,
        Some("m"),
        Some("m/0000"),
        Some("m/0050"),
        Some("m/00505"),
        Some("m/0099"),
        Some("n"),
        Some("zz"),
    ];
    for after in marks {
        for below in marks {
            for prefix in ["", "m/", "m/005"] {
                for descending in [false, true] {
                    let query = Query {
                        after: after.map(String::from),
                        below: below.map(String::from),
                        descending,
                        ..Query::prefix(ns, prefix, 1_000)
                    };
                    let passed = |sort: &str| {
                        after.is_none_or(|after| if descending { sort < after } else { sort > after })
                            && below.is_none_or(|below| sort < below)
                    };
                    let mut expected: Vec<String> = sorts
                        .iter()
                        .filter(|sort| sort.starts_with(prefix) && passed(sort))
                        .cloned()
                        .collect();
                    if descending {
                        expected.reverse();
                    }
                    assert_eq!(walk(&database, query.clone()).await, expected, "{query:?}");
                }
            }
        }
    }
}

pub async fn pages_make_up_the_walk(database: Port, ns: &str) {
    let sorts = two_hundred_and_fifty();
    fill(&database, ns, &sorts).await;
    for limit in [1, 7, 50, 100, 249, 250, 251, 1_000] {
        for (prefix, range) in [("", 0..250), ("m/", 80..180)] {
            let mut expected = sorts[range].to_vec();
            assert_eq!(walk(&database, Query::prefix(ns, prefix, limit)).await, expected);
            expected.reverse();
            let query = Query { descending: true, ..Query::prefix(ns, prefix, limit) };
            assert_eq!(walk(&database, query).await, expected);
        }
    }
}

pub async fn limits_have_bounds(database: Port, ns: &str) {
    for limit in [0, 1_001, usize::MAX] {
        refused(database.query(&Query::prefix(ns, "", limit)).await, ErrorKind::Invalid);
    }
}

pub async fn what_has_expired_is_not_there(database: Port, ns: &str) {
    let key = Key::new(ns, "a");
    // A database that tidies up with its first write has nothing to tidy yet.
    database.write(&[Write::remove(key.clone())]).await.unwrap();
    let past = Timestamp::from_second(1).unwrap();
    let future = Timestamp::from_second(4_000_000_000).unwrap();
    put_until(&database, &key, json!("old"), past).await;
    assert_eq!(database.get(&key).await.unwrap(), None);
    assert_eq!(database.query(&Query::prefix(ns, "", 10)).await.unwrap().items, []);
    refused(put(&database, &key, json!(1), Condition::Version(1)).await, ErrorKind::Conflict { at: 0 });
    let check = Write::Check { key: key.clone(), condition: Condition::Version(1) };
    refused(database.write(&[check]).await, ErrorKind::Conflict { at: 0 });
    put(&database, &key, json!("new"), Condition::Absent).await.unwrap();
    assert_eq!(version(&database, &key).await, Some(1));

    put_until(&database, &key, json!("later"), future).await;
    let item = database.get(&key).await.unwrap().unwrap();
    assert_eq!((item.value, item.version, item.expires_at), (json!("later"), 2, Some(future)));
    put(&database, &key, json!("for ever"), Condition::Version(2)).await.unwrap();
    assert_eq!(database.get(&key).await.unwrap().unwrap().expires_at, None);
}

pub async fn an_item_expires_by_itself(database: Port, ns: &str) {
    let key = Key::new(ns, "a");
    put_until(&database, &key, json!(1), SystemClock.now() + SignedDuration::from_secs(3)).await;
    assert_eq!(version(&database, &key).await, Some(1));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(version(&database, &key).await, None);
    assert_eq!(database.query(&Query::prefix(ns, "", 10)).await.unwrap().items, []);
    put(&database, &key, json!(2), Condition::Absent).await.unwrap();
}

pub async fn a_walk_passes_what_has_expired(database: Port, ns: &str) {
    // A database that tidies up with its first write has nothing to tidy yet.
    database.write(&[Write::remove(Key::new(ns, "none"))]).await.unwrap();
    let past = Timestamp::from_second(1).unwrap();
    let writes: Vec<Write> = (0..100)
        .map(|index| Write::Put {
            key: Key::new(ns, format!("{index:03}")),
            value: json!({ "sort": format!("{index:03}") }),
            expires_at: (index % 10 != 0).then_some(past),
            condition: Condition::Absent,
        })
        .collect();
    database.write(&writes).await.unwrap();
    let mut expected: Vec<String> =
        (0..10).map(|index| format!("{index}0")).map(|sort| format!("{sort:0>3}")).collect();
    assert_eq!(walk(&database, Query::prefix(ns, "", 3)).await, expected);
    expected.reverse();
    assert_eq!(walk(&database, Query { descending: true, ..Query::prefix(ns, "", 3) }).await, expected);
}

/// Lets twenty write under one condition at once: one is to win, and the others are to be told.
async fn race(database: &Port, key: &Key, condition: Condition) {
    let mut racers = JoinSet::new();
    for racer in 0..20 {
        let (database, key) = (Arc::clone(database), key.clone());
        racers.spawn(async move { (racer, put(&database, &key, json!(racer), condition).await) });
    }
    let mut winners = Vec::new();
    for (racer, result) in racers.join_all().await {
        match result {
            Ok(()) => winners.push(racer),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict { at: 0 }, "{error}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(database.get(key).await.unwrap().unwrap().value, json!(winners[0]));
}

pub async fn of_twenty_creators_one_wins(database: Port, ns: &str) {
    for round in 0..5 {
        race(&database, &Key::new(ns, format!("{round}")), Condition::Absent).await;
    }
}

pub async fn of_twenty_updates_of_a_version_one_wins(database: Port, ns: &str) {
    let key = Key::new(ns, "a");
    put(&database, &key, json!(0), Condition::Absent).await.unwrap();
    for round in 1..=5 {
        race(&database, &key, Condition::Version(round)).await;
        assert_eq!(version(&database, &key).await, Some(round + 1));
    }
}

pub async fn concurrent_increments_are_all_counted(database: Port, ns: &str) {
    let key = Key::new(ns, "a");
    put(&database, &key, json!(0), Condition::Absent).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (database, key) = (Arc::clone(&database), key.clone());
        tasks.spawn(async move {
            loop {
                let item = database.get(&key).await.unwrap().unwrap();
                let next = json!(item.value.as_u64().unwrap() + 1);
                match put(&database, &key, next, Condition::Version(item.version)).await {
                    Ok(()) => return,
                    Err(error) => assert!(error.is_conflict(), "{error}"),
                }
            }
        });
    }
    tasks.join_all().await;
    let item = database.get(&key).await.unwrap().unwrap();
    assert_eq!((item.value, item.version), (json!(20), 21));
}

pub async fn transfers_keep_the_sum(database: Port, ns: &str) {
    let account = |index: usize| Key::new(format!("{ns}/{}", index % 2), format!("{index}"));
    for index in 0..4 {
        put(&database, &account(index), json!(100), Condition::Absent).await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let (database, from, to) =
            (Arc::clone(&database), account(task % 4), account((task + 1 + task / 4) % 4));
        tasks.spawn(async move {
            for _ in 0..5 {
                loop {
                    let giving = database.get(&from).await.unwrap().unwrap();
                    let taking = database.get(&to).await.unwrap().unwrap();
                    let amount = |item: &Item| item.value.as_i64().unwrap();
                    let writes = [
                        Write::update(from.clone(), json!(amount(&giving) - 7), giving.version),
                        Write::update(to.clone(), json!(amount(&taking) + 7), taking.version),
                    ];
                    match database.write(&writes).await {
                        Ok(()) => break,
                        Err(error) => assert!(error.is_conflict(), "{error}"),
                    }
                }
            }
        });
    }
    tasks.join_all().await;
    let (mut sum, mut writes) = (0, 0);
    for index in 0..4 {
        let item = database.get(&account(index)).await.unwrap().unwrap();
        sum += item.value.as_i64().unwrap();
        writes += item.version - 1;
    }
    assert_eq!((sum, writes), (400, 80));
}

pub async fn restored_items_are_as_they_were(database: Port, ns: &str) {
    let expires_at = Timestamp::from_second(4_000_000_000).unwrap();
    let items: Vec<Item> = (0..130_u64)
        .map(|index| Item {
            key: Key::new(format!("{ns}/{}", index % 2), format!("{index:03}")),
            value: json!({ "sort": format!("{index:03}"), "text": "x".repeat(index as usize * 7) }),
            version: index * index + 1,
            expires_at: (index % 3 == 0).then_some(expires_at),
        })
        .collect();
    let large = Item {
        key: Key::new(ns, "large"),
        value: json!("x".repeat((1 << 20) - 2)),
        version: 3,
        expires_at: None,
    };
    put(&database, &items[5].key, json!("in the way"), Condition::Absent).await.unwrap();
    database.restore(&[]).await.unwrap();
    database.restore(&items).await.unwrap();
    database.restore(std::slice::from_ref(&large)).await.unwrap();
    for item in items.iter().chain([&large]) {
        assert_eq!(database.get(&item.key).await.unwrap().as_ref(), Some(item));
    }
    let key = &items[7].key;
    refused(put(&database, key, json!(0), Condition::Version(1)).await, ErrorKind::Conflict { at: 0 });
    put(&database, key, json!(0), Condition::Version(50)).await.unwrap();
    assert_eq!(version(&database, key).await, Some(51));
    refused(database.restore(&[Item { key: Key::new("", "a"), ..large }]).await, ErrorKind::Invalid);
}
