//! The file itself: printed, parsed, merged, refused.

use super::*;

const EXAMPLE: &str = r#"{
  "indexes": [
    {
      "collectionGroup": "beans",
      "queryScope": "COLLECTION",
      "fields": [
        {
          "fieldPath": "embedding",
          "vectorConfig": {
            "dimension": 256,
            "flat": {}
          }
        }
      ]
    },
    {
      "collectionGroup": "posts",
      "queryScope": "COLLECTION_GROUP",
      "fields": [
        {
          "fieldPath": "author.`full-name`",
          "order": "ASCENDING"
        },
        {
          "fieldPath": "__name__",
          "order": "DESCENDING"
        }
      ],
      "density": "SPARSE_ALL"
    },
    {
      "collectionGroup": "posts",
      "queryScope": "COLLECTION",
      "fields": [
        {
          "fieldPath": "author",
          "arrayConfig": "CONTAINS"
        },
        {
          "fieldPath": "timestamp",
          "order": "DESCENDING"
        }
      ]
    }
  ],
  "fieldOverrides": [
    {
      "collectionGroup": "posts",
      "fieldPath": "*",
      "indexes": []
    },
    {
      "collectionGroup": "posts",
      "fieldPath": "expires_at",
      "ttl": true,
      "indexes": [
        {
          "order": "ASCENDING",
          "queryScope": "COLLECTION"
        },
        {
          "arrayConfig": "CONTAINS",
          "queryScope": "COLLECTION"
        }
      ]
    }
  ]
}
"#;

#[test]
fn the_file_round_trips_in_the_clis_own_format() {
    let file = IndexFile::parse(EXAMPLE).unwrap();
    assert_eq!(file.to_json(), EXAMPLE);
    assert_eq!(file.ttl_field("posts").unwrap().to_string(), "expires_at");
    assert_eq!(file.ttl_field("beans"), None);
    assert_eq!(
        IndexFile::empty().to_json(),
        "{\n  \"indexes\": [],\n  \"fieldOverrides\": []\n}\n"
    );
    assert_eq!(IndexFile::parse("{}").unwrap(), IndexFile::empty());
}

#[test]
fn comments_are_read_over() {
    let json = "{ // a \"comment\"\n /* \"indexes\": [ */ \"indexes\": [], \"fieldOverrides\": [
        {\"collectionGroup\": \"a//b\", \"fieldPath\": \"x\", \"indexes\": []}] }";
    let error = IndexFile::parse(json).unwrap_err().to_string();
    assert!(error.contains("an id holds no `/`"), "slashes in a string are no comment: {error}");
    let broken = "{\n // one\n /* two\n three */ \"indexes\": ] }";
    assert!(IndexFile::parse(broken).unwrap_err().to_string().contains("line 4"));
}

#[test]
fn merging_unites() {
    let mut file = IndexFile::parse(EXAMPLE).unwrap();
    let same = file.clone();
    file.merge(&same);
    assert_eq!(file, same);
    let mut other = indexes(&["c:a,b"]);
    other.merge(&file);
    assert_eq!(other.composites().len(), 4);
    assert!(
        !other.insert(indexes(&["c:a,b,__name__"]).composites()[0].clone()),
        "the name is implied"
    );
    assert!(other.insert(indexes(&["c:a,b,-__name__"]).composites()[0].clone()));
}

#[test]
fn every_truncation_is_an_error_that_says_so() {
    let whole = EXAMPLE.trim_end();
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let error = IndexFile::parse(&whole[..end]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("ends early"), "at byte {end}: {error}");
    }
}

#[test]
fn malformed_files_are_refused_with_place_and_reason() {
    let field = |text: &str| {
        format!(r#"{{"collectionGroup": "c", "queryScope": "COLLECTION", "fields": [{text}]}}"#)
    };
    let a = r#"{"fieldPath": "a", "order": "ASCENDING"}"#;
    let b = r#"{"fieldPath": "b", "order": "ASCENDING"}"#;
    let composite = |fields: &str| format!(r#"{{"indexes": [{}]}}"#, field(fields));
    let overrides = |entries: &str| format!(r#"{{"fieldOverrides": [{entries}]}}"#);
    let ttl = |path: &str| {
        format!(r#"{{"collectionGroup": "c", "fieldPath": "{path}", "ttl": true, "indexes": []}}"#)
    };
    let twice = format!("{}, {}", field(&format!("{a}, {b}")), field(&format!("{a}, {b}")));
    for (json, reason) in [
        ("[]".to_owned(), "the index file"),
        (r#"{"indices": []}"#.to_owned(), "unknown field `indices`"),
        (composite(a), "indexes[0]"),
        (composite(a), "belongs into `fieldOverrides`"),
        (composite(""), "no field"),
        (composite(&format!(r#"{a}, {{"fieldPath": "b"}}"#)), "exactly one of"),
        (
            composite(&format!(r#"{a}, {{"fieldPath": "b", "order": "UP"}}"#)),
            "unknown variant `UP`",
        ),
        (
            composite(&format!(
                r#"{a}, {{"fieldPath": "b", "order": "ASCENDING", "arrayConfig": "CONTAINS"}}"#
            )),
            "exactly one of",
        ),
        (
            composite(&format!(r#"{a}, {{"fieldPath": "b..c", "order": "ASCENDING"}}"#)),
            "empty segment",
        ),
        (
            composite(&format!(r#"{{"fieldPath": "__name__", "order": "ASCENDING"}}, {a}"#)),
            "last field",
        ),
        (
            composite(
                r#"{"fieldPath": "x", "arrayConfig": "CONTAINS"}, {"fieldPath": "y", "arrayConfig": "CONTAINS"}"#,
            ),
            "two array fields",
        ),
        (format!(r#"{{"indexes": [{twice}]}}"#), "indexes[1]"),
        (r#"{"indexes": [{"collectionGroup": "c"}]}"#.to_owned(), "missing field `queryScope`"),
        (
            r#"{"indexes": [{"collectionGroup": "c", "queryScope": "GROUP", "fields": []}]}"#
                .to_owned(),
            "unknown variant `GROUP`",
        ),
        (overrides(&format!("{}, {}", ttl("a"), ttl("b"))), "one TTL field"),
        (overrides(&format!("{}, {}", ttl("a"), ttl("a"))), "stands above"),
        (overrides(&ttl("*")), "not by `*`"),
        (overrides(&ttl("a.")), "empty segment"),
        (
            overrides(
                r#"{"collectionGroup": "c", "fieldPath": "a", "indexes": [{"queryScope": "COLLECTION"}]}"#,
            ),
            "either `order` or `arrayConfig`",
        ),
        (
            overrides(r#"{"collectionGroup": "", "fieldPath": "a", "indexes": []}"#),
            "fieldOverrides[0]",
        ),
    ] {
        let error = IndexFile::parse(&json).unwrap_err().to_string();
        assert!(error.contains(reason), "{json}: {error}");
    }
}
