//! Formats, versions, profile, preview, deletion.

use crate::client::{PENGUINS, Platform};
use serde_json::json;

#[test]
fn any_common_format_gives_the_same_table() {
    let platform = Platform::new();
    let client = platform.client();
    let plain =
        "name,height,born,alive\nAda,1.65,2001-02-03,true\nBob,,2002-03-04,false\nCyd,1.8,2003-04-05,true\n";
    let lines = "{\"name\":\"Ada\",\"height\":1.65,\"born\":\"2001-02-03\",\"alive\":true}\n\
                 {\"name\":\"Bob\",\"height\":null,\"born\":\"2002-03-04\",\"alive\":false}\n\
                 {\"name\":\"Cyd\",\"height\":1.8,\"born\":\"2003-04-05\",\"alive\":true}\n";
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(plain.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let files: [(&str, Vec<u8>); 6] = [
        ("comma", plain.into()),
        ("bom", format!("\u{feff}{plain}").into()),
        ("crlf", plain.replace('\n', "\r\n").into()),
        ("semicolon", plain.replace(',', ";").into()),
        ("lines", lines.into()),
        ("utf16", utf16),
    ];
    let mut columns = Vec::new();
    for (name, bytes) in files {
        let dataset = client.push(name, &bytes);
        assert_eq!(dataset["status"], "ready", "{name}: {dataset}");
        assert_eq!(dataset["rows"], 3, "{name}");
        columns.push((name, dataset["columns"].clone()));
        let preview = client.get(&format!("/v1/datasets/{name}/preview?rows=2")).json(200);
        assert_eq!(preview["rows"].as_array().unwrap().len(), 2);
        assert_eq!(preview["rows"][0]["name"], "Ada");
        assert_eq!(preview["rows"][1]["height"], json!(null));
    }
    for (name, found) in &columns {
        assert_eq!(found, &columns[0].1, "{name}");
    }
}

#[test]
fn a_name_has_versions_that_do_not_change() {
    let platform = Platform::new();
    let client = platform.client();
    let first = client.push("table", b"a,b\n1,2\n3,4\n");
    let second = client.push("table", b"a,b\n1,2\n3,4\n5,6\n");
    assert_eq!((&first["version"], &second["version"]), (&json!(1), &json!(2)));
    assert_eq!(first["id"], second["id"]);
    assert_eq!(client.get("/v1/datasets/table@1").json(200)["rows"], 2);
    assert_eq!(client.get("/v1/datasets/table").json(200)["rows"], 3);
    let id = first["id"].as_str().unwrap();
    assert_eq!(client.get(&format!("/v1/datasets/{id}@1")).json(200)["sha256"], first["sha256"]);
    assert_eq!(client.get("/v1/datasets").json(200)["items"].as_array().unwrap().len(), 1);

    assert_eq!(client.delete("/v1/datasets/table").status, 204);
    client.get("/v1/datasets/table").problem(404, "not-found", &["table"]);
    client.get(&format!("/v1/datasets/{id}")).problem(404, "not-found", &[]);
    assert_eq!(client.push("table", b"a,b\n1,2\n")["version"], 1);
}

#[test]
fn a_profile_says_what_is_in_each_column() {
    let platform = Platform::new();
    let client = platform.client();
    client.push("penguins", PENGUINS.as_bytes());
    let profile = client.get("/v1/datasets/penguins/profile").json(200);
    let column = |name: &str| {
        profile["columns"].as_array().unwrap().iter().find(|column| column["name"] == name).unwrap().clone()
    };
    let bill = column("bill_length_mm");
    assert_eq!((&bill["missing"], &bill["min"], &bill["max"]), (&json!(2), &json!(32.1), &json!(59.6)));
    let counts: u64 =
        bill["histogram"]["counts"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(counts, 342);
    let species = column("species");
    assert_eq!(
        (&species["distinct"], &species["top"][0]),
        (&json!(3), &json!({"value": "Adelie", "count": 152}))
    );
}

#[test]
fn lists_page() {
    let platform = Platform::new();
    let client = platform.client();
    for name in ["a", "b", "c", "d", "e"] {
        client.post("/v1/datasets", &json!({"name": name})).json(201);
    }
    let (mut names, mut path) = (Vec::new(), "/v1/datasets?limit=2".to_owned());
    let mut cursors = Vec::new();
    loop {
        let page = client.get(&path).json(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        cursors.push(cursor.to_owned());
        path = format!("/v1/datasets?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    client.get("/v1/datasets?limit=0").problem(422, "invalid-field", &["limit"]);
    client.get("/v1/datasets?limit=many").problem(422, "invalid-field", &["limit"]);
    client.get("/v1/datasets?cursor=%00").problem(422, "invalid-field", &["cursor"]);
    // Of another list, changed, or made up.
    for path in [
        format!("/v1/models?cursor={}", cursors[0]),
        format!("/v1/datasets?cursor={}A", cursors[0]),
        format!("/v1/datasets?cursor={}", &cursors[0][1..]),
        "/v1/datasets?cursor=Yg".to_owned(),
    ] {
        client.get(&path).problem(422, "invalid-field", &["cursor"]);
    }
}

#[test]
fn an_upload_is_held_to_what_was_announced() {
    let platform = Platform::new();
    let client = platform.client();
    let table = b"a,b\n1,2\n3,4\n";
    let sha256 = "b9485148546419a0f6a85e8d708c923557c15d7f3c7d078ef1fa7f7c0f57d5a5";
    let announced = json!({"name": "table", "bytes": table.len(), "sha256": sha256});
    let anybody = client.with_key(None);
    let address = || {
        let dataset = client.post("/v1/datasets", &announced).json(201);
        dataset["upload"]["url"].as_str().unwrap().to_owned()
    };
    let longer = b"a,b\n1,2\n3,4\n5,6\n";
    anybody.send("PUT", &address(), &[], longer).problem(400, "malformed", &["announced"]);
    anybody.send("PUT", &address(), &[], b"a,b\n1,2\n3,5\n").problem(400, "malformed", &["announced"]);
    assert_eq!(anybody.send("PUT", &address(), &[], table).status, 200);
    assert_eq!(client.ingested("table")["version"], 3);
    client.post("/v1/datasets", &json!({"name": "t", "bytes": 1_u64 << 50})).problem(
        413,
        "too-large",
        &["bytes"],
    );
    client.post("/v1/datasets", &json!({"name": "t", "sha256": "ab"})).problem(
        422,
        "invalid-field",
        &["sha256"],
    );
}
