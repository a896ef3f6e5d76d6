from google.cloud.firestore_v1.base_query import FieldFilter

from scenario import Heard, scenario


def ids(snapshot):
    return [doc.id for doc in snapshot[0]]


def changes(snapshot):
    # The client's indices are those of its dictionary, not of the query's order.
    return [(change.type.name, change.document.id) for change in snapshot[1]]


@scenario("listeners/document")
def document(check):
    target = check.db.document("c/a")
    heard = Heard()
    watch = target.on_snapshot(heard)
    check.equal("missing at first", [doc.exists for doc in heard.number(1)[0]], [])
    target.create({"n": 1})
    check.equal("created", heard.first(lambda docs: docs and docs[0].exists)[0][0].to_dict(), {"n": 1})
    written = target.update({"n": 2})
    updated = heard.first(lambda docs: docs and docs[0].to_dict() == {"n": 2})[0][0]
    check.equal("with the time of the write", updated.update_time == written.update_time, True)
    target.delete()
    gone = heard.first(lambda docs: not docs or not docs[0].exists, start=2)
    check.equal("deleted", [doc.exists for doc in gone[0]], [])
    watch.unsubscribe()


@scenario("listeners/query")
def query(check):
    db = check.db
    db.document("c/a").set({"n": 1})
    db.document("c/b").set({"n": 2})
    heard = Heard()
    watch = db.collection("c").where(filter=FieldFilter("n", ">", 0)).order_by("n").on_snapshot(heard)
    check.equal("at first", changes(heard.number(1)), [("ADDED", "a"), ("ADDED", "b")])
    db.document("c/c").set({"n": 1.5})
    check.equal("added between", changes(heard.number(2)), [("ADDED", "c")])
    db.document("c/a").update({"n": 9})
    check.equal("moved", changes(heard.number(3)), [("MODIFIED", "a")])
    check.equal("in order", ids(heard.number(3)), ["c", "b", "a"])
    db.document("c/b").update({"n": -1})
    check.equal("no longer matching", changes(heard.number(4)), [("REMOVED", "b")])
    db.document("c/a").delete()
    last = heard.number(5)
    check.equal("deleted", changes(last), [("REMOVED", "a")])
    check.equal("left", ids(last), ["c"])
    watch.unsubscribe()


@scenario("listeners/batch")
def batch(check):
    db = check.db
    heard = Heard()
    watch = db.collection("c").order_by("n").on_snapshot(heard)
    check.equal("empty at first", ids(heard.number(1)), [])
    writes = db.batch()
    for n, id in enumerate("cab"):
        writes.set(db.document(f"c/{id}"), {"n": n})
    writes.commit()
    check.equal("a commit is seen whole", ids(heard.number(2)), ["c", "a", "b"])
    watch.unsubscribe()


@scenario("listeners/limit")
def limit(check):
    db = check.db
    for n, id in enumerate("abc"):
        db.document(f"c/{id}").set({"n": n})
    heard = Heard()
    watch = db.collection("c").order_by("n").limit(2).on_snapshot(heard)
    check.equal("at first", ids(heard.number(1)), ["a", "b"])
    db.document("c/0").set({"n": -1})
    check.equal("one pushed out", ids(heard.first(lambda docs: docs[0].id == "0")), ["0", "a"])
    watch.unsubscribe()


@scenario("listeners/group")
def group(check):
    db = check.db
    db.document("p/x/c/a").set({"n": 1})
    heard = Heard()
    watch = db.collection_group("c").order_by("n").on_snapshot(heard)
    check.equal("at first", [doc.reference.path for doc in heard.number(1)[0]], ["p/x/c/a"])
    db.document("p/y/c/b").set({"n": 0})
    check.equal("then", [doc.reference.path for doc in heard.number(2)[0]], ["p/y/c/b", "p/x/c/a"])
    watch.unsubscribe()


@scenario("listeners/several")
def several(check):
    db = check.db
    heard = [Heard() for _ in range(5)]
    watches = [db.collection("c").where(filter=FieldFilter("n", "==", n)).on_snapshot(each) for n, each in enumerate(heard)]
    for each in heard:
        each.number(1)
    for n in range(5):
        db.document(f"c/{n}").set({"n": n})
    check.equal("each hears its own", [ids(each.first(lambda docs: len(docs) == 1)) for each in heard], [[str(n)] for n in range(5)])
    watches[0].unsubscribe()
    check.equal("one is stopped", watches[0].is_active, False)
    db.document("c/x").set({"n": 1})
    check.equal("the others go on", ids(heard[1].first(lambda docs: len(docs) == 2)), ["1", "x"])
    for watch in watches[1:]:
        watch.unsubscribe()
