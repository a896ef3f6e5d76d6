from datetime import datetime, timezone

from google.cloud import firestore
from google.cloud.firestore_v1.vector import Vector

from scenario import scenario


@scenario("values/round-trip")
def round_trip(check):
    db = check.db
    values = {
        "nothing": None, "yes": True, "no": False,
        "zero": 0, "negative": -1, "least": -(2**63), "greatest": 2**63 - 1, "half": 0.5, "one": 1.0, "minus_zero": -0.0,
        "tiny": 5e-324, "huge": 1.7976931348623157e308, "nan": float("nan"), "infinity": float("inf"), "minus_infinity": float("-inf"),
        "epoch": datetime(1970, 1, 1, tzinfo=timezone.utc), "before": datetime(1, 1, 1, tzinfo=timezone.utc),
        "after": datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc), "micro": datetime(2001, 2, 3, 4, 5, 6, 7, tzinfo=timezone.utc),
        "empty": "", "text": "grüße 😀 \0 \ue000", "long": "x" * 10_000, "no_bytes": b"", "bytes": b"\0\xff\1",
        "reference": db.document("other/b/deeper/c"), "point": firestore.GeoPoint(-90.0, 180.0),
        "list": [1, "a", None, {"in": [1, 2]}], "empty_list": [], "map": {"a": {"b": {"c": []}}}, "empty_map": {}, "odd.name`\\": 2, "übel": 3,
        "vector": Vector([1.0, -0.5, 3e300]),
    }
    db.document("c/a").set(values)
    data = db.document("c/a").get().to_dict()
    for name, value in values.items():
        check.equal(name, data[name], value)
    check.equal("nothing else", sorted(data), sorted(values))


@scenario("values/numbers")
def numbers(check):
    db = check.db
    ascending = [float("nan"), float("-inf"), -(2**63), -1, -0.5, 0, 0.5, 2**53, 2**53 + 1, float(2**53 + 2), 2**63 - 1, float(2**63), float("inf")]
    for index, v in enumerate(ascending):
        db.document(f"c/{7 * (index + 1) % 13:02}").set({"v": v, "index": index})
    found = [doc.get("index") for doc in db.collection("c").order_by("v").stream()]
    check.equal("integers and doubles by exact value", found, list(range(len(ascending))))
    equal = [doc.get("index") for doc in db.collection("c").where(filter=firestore.FieldFilter("v", "==", 0.0)).stream()]
    check.equal("0 is 0.0", equal, [5])
    rest = [doc.get("index") for doc in db.collection("c").order_by("v").start_after({"v": 2**53}).stream()]
    check.equal("a cursor is exact", rest, [8, 9, 10, 11, 12])
