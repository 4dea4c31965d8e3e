//! What DynamoDB's database does beyond the port's suite: long documents, bad lines, storms.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod localstack;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use fettle_aws::table::{PARTITION_KEY, SORT_KEY, TIME_TO_LIVE, create_table};
use fettle_aws::{Clients, DynamoDatabase};
use fettle_backend::clock::{Clock, SystemClock, TestClock};
use fettle_backend::conformance::namespace;
use fettle_backend::ports::{Condition, Database, ErrorKind, Item, Key, Query, Result, Write};
use jiff::{SignedDuration, Timestamp};
use localstack::memory::MemoryStorage;
use localstack::proxy::{Fate, Proxy};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

const TABLE: &str = "fettle-conformance";
const THROTTLED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"busy"}"#;
const CROSSED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
    "Message":"Transaction cancelled","CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict"}]}"#;

/// A database of its own storage, with its partition.
struct Fixture {
    database: Arc<DynamoDatabase>,
    objects: Arc<MemoryStorage>,
    client: Client,
    ns: String,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(Arc::new(SystemClock)).await
    }

    async fn with(clock: Arc<dyn Clock>) -> Self {
        let client = localstack::clients().await.dynamodb();
        create_table(&client, TABLE).await.unwrap();
        let objects = Arc::new(MemoryStorage::default());
        let database = DynamoDatabase::new(client.clone(), TABLE.to_owned(), objects.clone(), clock);
        Self { database: Arc::new(database), objects, client, ns: namespace() }
    }

    fn key(&self, sort: &str) -> Key {
        Key::new(self.ns.as_str(), sort)
    }

    /// The same database by way of a proxy.
    async fn through(&self, proxy: &Proxy) -> DynamoDatabase {
        let client = Clients::at(&proxy.endpoint).await.dynamodb();
        DynamoDatabase::new(client, TABLE.to_owned(), self.objects.clone(), Arc::new(SystemClock))
    }

    async fn get(&self, key: &Key) -> Option<Item> {
        self.database.get(key).await.unwrap()
    }

    fn objects(&self) -> usize {
        self.objects.objects().len()
    }
}

fn put(key: &Key, value: Value, condition: Condition) -> [Write; 1] {
    [Write::Put { key: key.clone(), value, expires_at: None, condition }]
}

fn long(bytes: usize) -> Value {
    json!("x".repeat(bytes - 2))
}

#[track_caller]
fn kind(result: Result<()>) -> ErrorKind {
    result.expect_err("it should have failed").kind()
}

/// A proxy to the emulator.
async fn proxy(fate: impl Fn(&str, usize) -> Fate + Send + Sync + 'static) -> Proxy {
    Proxy::to(localstack::address(), fate).await
}

#[tokio::test]
async fn a_long_document_is_an_object_until_it_is_replaced_or_removed() {
    let fixture = Fixture::new().await;
    let (database, key, other) = (&fixture.database, fixture.key("a"), fixture.key("b"));
    for (round, condition) in
        [Condition::Absent, Condition::Version(1), Condition::Any].into_iter().enumerate()
    {
        database.write(&put(&key, long((1 << 20) - round), condition)).await.unwrap();
        assert_eq!(fixture.objects(), 1, "{round}");
        assert_eq!(fixture.get(&key).await.unwrap().value, long((1 << 20) - round));
    }
    database.write(&put(&key, json!("short"), Condition::Any)).await.unwrap();
    assert_eq!((fixture.objects(), fixture.get(&key).await.unwrap().version), (0, 4));

    database.write(&put(&key, long(1 << 20), Condition::Version(4))).await.unwrap();
    database.write(&[Write::remove(key.clone())]).await.unwrap();
    assert_eq!((fixture.objects(), fixture.get(&key).await), (0, None));

    // The same in transactions.
    let both =
        |value: Value| [Write::create(key.clone(), value.clone()), Write::create(other.clone(), value)];
    database.write(&both(long(1 << 20))).await.unwrap();
    assert_eq!(fixture.objects(), 2);
    let replaced = [Write::update(key.clone(), long(100_000), 1), Write::remove(other.clone())];
    database.write(&replaced).await.unwrap();
    assert_eq!((fixture.objects(), fixture.get(&key).await.unwrap().version), (1, 2));
    let removed = [
        Write::Delete { key: key.clone(), condition: Condition::Version(2) },
        Write::Check { key: other.clone(), condition: Condition::Absent },
    ];
    database.write(&removed).await.unwrap();
    assert_eq!((fixture.objects(), fixture.get(&key).await), (0, None));
}

#[tokio::test]
async fn a_write_that_fails_leaves_no_object_and_takes_none() {
    let fixture = Fixture::new().await;
    let (database, key) = (&fixture.database, fixture.key("a"));
    database.write(&put(&key, long(1 << 20), Condition::Absent)).await.unwrap();
    let conflict = ErrorKind::Conflict { at: 0 };
    assert_eq!(kind(database.write(&put(&key, long(1 << 19), Condition::Absent)).await), conflict);
    assert_eq!(kind(database.write(&put(&key, long(1 << 19), Condition::Version(2))).await), conflict);
    let removal = [Write::Delete { key: key.clone(), condition: Condition::Version(2) }];
    assert_eq!(kind(database.write(&removal).await), conflict);
    let transaction = [Write::create(fixture.key("b"), long(1 << 19)), Write::create(key.clone(), json!(1))];
    assert_eq!(kind(database.write(&transaction).await), ErrorKind::Conflict { at: 1 });
    assert_eq!(fixture.objects(), 1);
    assert_eq!(fixture.get(&key).await.unwrap().value, long(1 << 20));
}

#[tokio::test]
async fn an_object_that_is_not_there_or_not_whole_is_told() {
    let fixture = Fixture::new().await;
    let key = fixture.key("a");
    fixture.database.write(&put(&key, long(1 << 20), Condition::Absent)).await.unwrap();
    for object in fixture.objects.objects().values_mut() {
        object.pop();
    }
    assert_eq!(kind(fixture.database.get(&key).await.map(drop)), ErrorKind::Corrupt);
    fixture.objects.objects().clear();
    assert_eq!(kind(fixture.database.get(&key).await.map(drop)), ErrorKind::Corrupt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_a_long_document_see_one_of_its_versions() {
    let fixture = Fixture::new().await;
    let key = fixture.key("a");
    let text = |round: usize| json!(format!("{round}").repeat(40_000));
    fixture.database.write(&put(&key, text(0), Condition::Absent)).await.unwrap();
    let writer = {
        let (database, key) = (Arc::clone(&fixture.database), key.clone());
        tokio::spawn(async move {
            for round in 1..10 {
                database.write(&put(&key, text(round), Condition::Any)).await.unwrap();
            }
        })
    };
    while !writer.is_finished() {
        let item = fixture.get(&key).await.unwrap();
        assert_eq!(item.value, text(item.version as usize - 1));
        let page = fixture.database.query(&Query::prefix(fixture.ns.as_str(), "", 5)).await.unwrap();
        assert_eq!(page.items[0].value, text(page.items[0].version as usize - 1));
    }
    writer.await.unwrap();
    assert_eq!(fixture.objects(), 1);
}

#[tokio::test]
async fn a_walk_over_long_documents_has_pages_of_bounded_length() {
    let fixture = Fixture::new().await;
    let sorts: Vec<String> = (0..10).map(|index| format!("{index}")).collect();
    for sort in &sorts {
        fixture.database.write(&put(&fixture.key(sort), long(1 << 20), Condition::Absent)).await.unwrap();
    }
    for descending in [false, true] {
        let mut query = Query { descending, ..Query::prefix(fixture.ns.as_str(), "", 100) };
        let mut seen = Vec::new();
        loop {
            let page = fixture.database.query(&query).await.unwrap();
            assert!((1..=4).contains(&page.items.len()), "{}", page.items.len());
            seen.extend(page.items.into_iter().map(|item| item.key.sort));
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        if descending {
            seen.reverse();
        }
        assert_eq!(seen, sorts);
    }
}

#[tokio::test]
async fn a_hundred_long_documents_are_one_transaction() {
    let fixture = Fixture::new().await;
    // The longest that items carry themselves, and the shortest that are objects.
    for (bytes, objects) in [(32 << 10, 0), ((32 << 10) + 1, 100)] {
        let sort = |index: usize| format!("{index:03}{}", "s".repeat(509));
        let put = |index| Write::Put {
            key: fixture.key(&sort(index)),
            value: long(bytes),
            expires_at: None,
            condition: Condition::Any,
        };
        let writes: Vec<Write> = (0..100).map(put).collect();
        fixture.database.write(&writes).await.unwrap();
        assert_eq!(fixture.objects(), objects);
        assert_eq!(fixture.get(&fixture.key(&sort(99))).await.unwrap().value, long(bytes));
    }
    let removals: Vec<Write> =
        (0..100).map(|index| Write::remove(fixture.key(&format!("{index:03}{}", "s".repeat(509))))).collect();
    fixture.database.write(&removals).await.unwrap();
    assert_eq!(fixture.objects(), 0);
}

#[tokio::test]
async fn what_has_expired_is_replaced_as_if_it_were_not_there() {
    let start = Timestamp::from_microsecond(1_800_000_000_000_001).unwrap();
    let clock = Arc::new(TestClock::at(start));
    let fixture = Fixture::with(clock.clone()).await;
    let brief = |sort: &str, value: Value| Write::Put {
        key: fixture.key(sort),
        value,
        expires_at: Some(clock.now() + SignedDuration::from_micros(2)),
        condition: Condition::Any,
    };
    for transaction in [false, true] {
        let write = async |write: Write| {
            let check = Write::Check { key: fixture.key("none"), condition: Condition::Absent };
            let writes = if transaction { vec![check, write] } else { vec![write] };
            fixture.database.write(&writes).await
        };
        for (sort, condition) in [("any", Condition::Any), ("absent", Condition::Absent)] {
            fixture.database.write(&[Write::remove(fixture.key(sort))]).await.unwrap();
            write(brief(sort, long(1 << 20))).await.unwrap();
            write(brief(sort, long(1 << 20))).await.unwrap();
            assert_eq!(fixture.get(&fixture.key(sort)).await.unwrap().version, 2);
            clock.advance(SignedDuration::from_micros(1));
            assert!(fixture.get(&fixture.key(sort)).await.is_some(), "a microsecond is left");
            let refused = write(put(&fixture.key(sort), json!(0), Condition::Absent)[0].clone()).await;
            assert!(refused.unwrap_err().is_conflict());
            clock.advance(SignedDuration::from_micros(1));
            assert_eq!(fixture.get(&fixture.key(sort)).await, None);
            let refused = write(put(&fixture.key(sort), json!(0), Condition::Version(2))[0].clone()).await;
            assert!(refused.unwrap_err().is_conflict());
            write(put(&fixture.key(sort), json!(0), condition)[0].clone()).await.unwrap();
            assert_eq!(fixture.get(&fixture.key(sort)).await.unwrap().version, 1);
            assert_eq!(fixture.objects(), 0);
        }
    }
    // To the table, in whole seconds, and none too early.
    let key = fixture.key("seconds");
    fixture.database.write(&[brief("seconds", json!(0))]).await.unwrap();
    let item = fixture
        .client
        .get_item()
        .table_name(TABLE)
        .key(PARTITION_KEY, AttributeValue::S(key.partition))
        .key(SORT_KEY, AttributeValue::B(key.sort.into_bytes().into()))
        .send()
        .await
        .unwrap();
    let expires = item.item.unwrap().remove(TIME_TO_LIVE);
    assert_eq!(expires, Some(AttributeValue::N("1800000001".into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_every_write_counts_once() {
    let fixture = Fixture::new().await;
    let (key, log) = (fixture.key("counter"), fixture.key("log"));
    let mut workers = JoinSet::new();
    for worker in 0..20 {
        let (database, key, log) = (Arc::clone(&fixture.database), key.clone(), log.clone());
        workers.spawn(async move {
            for round in 0..5 {
                let writes =
                    [put(&key, json!([worker, round]), Condition::Any), put(&log, json!(0), Condition::Any)];
                // Alone and in a transaction, by turns.
                database
                    .write(if round % 2 == 0 { &writes[0][..] } else { writes.as_flattened() })
                    .await
                    .unwrap();
            }
        });
    }
    workers.join_all().await;
    assert_eq!(fixture.get(&key).await.unwrap().version, 100);
    assert_eq!(fixture.get(&log).await.unwrap().version, 40);
}

#[tokio::test]
async fn a_throttled_table_is_unavailable_until_it_is_not() {
    let fixture = Fixture::new().await;
    let key = fixture.key("a");
    let always = proxy(|_, _| Fate::Refused(THROTTLED)).await;
    let database = fixture.through(&always).await;
    assert_eq!(
        kind(database.write(&put(&key, long(1 << 20), Condition::Absent)).await),
        ErrorKind::Unavailable
    );
    assert_eq!((always.seen(), fixture.objects()), (10, 0));
    assert_eq!(kind(database.get(&key).await.map(drop)), ErrorKind::Unavailable);
    assert_eq!(always.seen(), 14);

    let at_first =
        proxy(|_, before| if before < 3 { Fate::Refused(THROTTLED) } else { Fate::Answered }).await;
    let database = fixture.through(&at_first).await;
    database.write(&put(&key, json!(1), Condition::Absent)).await.unwrap();
    assert_eq!((at_first.seen(), fixture.get(&key).await.unwrap().version), (4, 1));
}

#[tokio::test]
async fn a_transaction_that_crosses_another_is_tried_again() {
    let fixture = Fixture::new().await;
    let create =
        |name: &str| ["a", "b"].map(|sort| Write::create(fixture.key(&format!("{name}/{sort}")), json!(1)));
    let always = proxy(|_, _| Fate::Refused(CROSSED)).await;
    let database = fixture.through(&always).await;
    assert_eq!(kind(database.write(&create("always")).await), ErrorKind::Unavailable);
    assert_eq!(always.seen(), 10);
    let at_first = proxy(|_, before| if before < 3 { Fate::Refused(CROSSED) } else { Fate::Answered }).await;
    fixture.through(&at_first).await.write(&create("at first")).await.unwrap();
    assert_eq!(at_first.seen(), 4);
}

#[tokio::test]
async fn a_lost_answer_is_no_conflict() {
    let fixture = Fixture::new().await;
    let every_other =
        proxy(|_, before| if before % 2 == 0 { Fate::AnswerLost } else { Fate::Answered }).await;
    let database = fixture.through(&every_other).await;
    let (key, other) = (fixture.key("a"), fixture.key("b"));
    database.write(&put(&key, json!(1), Condition::Absent)).await.unwrap();
    database.write(&put(&key, json!(2), Condition::Version(1))).await.unwrap();
    database.write(&put(&key, json!(3), Condition::Any)).await.unwrap();
    assert_eq!(fixture.get(&key).await.unwrap().version, 3);
    database.write(&put(&key, long(1 << 20), Condition::Version(3))).await.unwrap();
    database.write(&put(&key, long(1 << 20), Condition::Version(4))).await.unwrap();
    assert_eq!((fixture.objects(), fixture.get(&key).await.unwrap().version), (1, 5));

    let transaction = [
        Write::create(other.clone(), json!(1)),
        Write::Delete { key: key.clone(), condition: Condition::Version(5) },
    ];
    database.write(&transaction).await.unwrap();
    assert_eq!((fixture.get(&key).await, fixture.get(&other).await.unwrap().version), (None, 1));
    assert_eq!(fixture.objects(), 0);
    let removals = [
        Write::Delete { key: other.clone(), condition: Condition::Version(1) },
        Write::Check { key: key.clone(), condition: Condition::Absent },
    ];
    database.write(&removals).await.unwrap();
    assert_eq!(fixture.get(&other).await, None);
}

#[tokio::test]
async fn what_nothing_tells_after_a_lost_answer_is_unavailable() {
    let fixture = Fixture::new().await;
    let key = fixture.key("a");
    let removal = [Write::Delete { key: key.clone(), condition: Condition::Version(1) }];

    // Carried out, but nothing is there to tell.
    fixture.database.write(&put(&key, json!(1), Condition::Absent)).await.unwrap();
    let line = proxy(|_, before| if before == 0 { Fate::AnswerLost } else { Fate::Answered }).await;
    assert_eq!(kind(fixture.through(&line).await.write(&removal).await), ErrorKind::Unavailable);
    assert_eq!((line.seen(), fixture.get(&key).await), (2, None));

    // Never carried out, which nobody knows: the object stays, for the item might refer to it.
    fixture.database.write(&put(&key, json!(1), Condition::Absent)).await.unwrap();
    let line = proxy(|_, before| if before == 0 { Fate::Dropped } else { Fate::Answered }).await;
    let database = fixture.through(&line).await;
    let doubted = database.write(&put(&key, long(1 << 20), Condition::Version(2))).await;
    assert_eq!((kind(doubted), fixture.objects()), (ErrorKind::Unavailable, 1));
    // What is not in doubt is a conflict.
    let refused = database.write(&put(&key, long(1 << 20), Condition::Version(2))).await;
    assert_eq!((kind(refused), fixture.objects()), (ErrorKind::Conflict { at: 0 }, 1));

    // A lost first try that was not carried out: the second is.
    let line = proxy(|_, before| if before == 0 { Fate::Dropped } else { Fate::Answered }).await;
    fixture.through(&line).await.write(&removal).await.unwrap();
    assert_eq!(fixture.get(&key).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_bad_line_counters_stay_right() {
    let fixture = Fixture::new().await;
    let fates = [
        Fate::Answered,
        Fate::AnswerLost,
        Fate::Dropped,
        Fate::Answered,
        Fate::Refused(THROTTLED),
        Fate::AnswerLost,
        Fate::Answered,
    ];
    let line = proxy(move |_, before| fates[before % fates.len()]).await;
    let database = Arc::new(fixture.through(&line).await);
    let counter = fixture.key("counter");
    fixture.database.write(&put(&counter, json!(0), Condition::Absent)).await.unwrap();
    let mut workers = JoinSet::new();
    for worker in 0..6 {
        let (database, direct) = (Arc::clone(&database), Arc::clone(&fixture.database));
        let (counter, mark) = (counter.clone(), fixture.key(&format!("mark/{worker}")));
        workers.spawn(async move {
            // The mark and the count are one, so the mark tells what an answer does not.
            loop {
                let (Ok(mine), Ok(Some(item))) = (database.get(&mark).await, database.get(&counter).await)
                else {
                    continue;
                };
                if mine.is_some() {
                    return;
                }
                let count = item.value.as_u64().unwrap() + 1;
                let writes = [
                    Write::update(counter.clone(), json!(count), item.version),
                    Write::create(mark.clone(), json!(1)),
                ];
                match database.write(&writes).await {
                    Err(error) if error.is_conflict() => {
                        assert_eq!(direct.get(&mark).await.unwrap(), None, "written in spite of {error}");
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        });
    }
    workers.join_all().await;
    let item = fixture.get(&counter).await.unwrap();
    assert_eq!((item.value, item.version), (json!(6), 7));
}

#[tokio::test]
async fn a_table_is_made_once_by_many() {
    let client = localstack::clients().await.dynamodb();
    let table = format!("fettle-{}", namespace());
    let objects = Arc::new(MemoryStorage::default());
    let database = DynamoDatabase::new(client.clone(), table.clone(), objects, Arc::new(SystemClock));
    let key = Key::new("a", "b");
    assert_eq!(kind(database.get(&key).await.map(drop)), ErrorKind::Unavailable);
    assert_eq!(kind(database.write(&[Write::remove(key.clone())]).await), ErrorKind::Unavailable);
    let walk = database.query(&Query::prefix("a", "", 1)).await;
    assert_eq!(kind(walk.map(drop)), ErrorKind::Unavailable);

    let mut makers = JoinSet::new();
    for _ in 0..4 {
        let (client, table) = (client.clone(), table.clone());
        makers.spawn(async move { create_table(&client, &table).await });
    }
    for made in makers.join_all().await {
        made.unwrap();
    }
    database.write(&put(&key, json!(1), Condition::Absent)).await.unwrap();
    create_table(&client, &table).await.unwrap();
    assert!(database.get(&key).await.unwrap().is_some(), "what is there stays");
    let told = client.describe_time_to_live().table_name(&table).send().await.unwrap();
    let told = told.time_to_live_description.unwrap();
    assert_eq!(told.attribute_name.as_deref(), Some(TIME_TO_LIVE));
    client.delete_table().table_name(&table).send().await.unwrap();
}
