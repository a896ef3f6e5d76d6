from google.cloud import firestore

from scenario import scenario


@scenario("batches/write")
def write(check):
    db = check.db
    batch = db.batch()
    batch.create(db.document("c/a"), {"n": 1})
    batch.set(db.document("c/b"), {"n": 2})
    batch.set(db.document("c/b"), {"m": 1}, merge=True)
    results = batch.commit()
    check.equal("a result per write", len(results), 3)
    check.equal("one time for all", len({result.update_time for result in results}), 1)
    check.equal("merged in order", db.document("c/b").get().to_dict(), {"n": 2, "m": 1})
    failing = db.batch()
    failing.set(db.document("c/c"), {"n": 3})
    failing.create(db.document("c/a"), {})
    check.fails("all or nothing", failing.commit, "ALREADY_EXISTS", "already exists")
    check.equal("nothing", db.document("c/c").get().exists, False)


@scenario("batches/large")
def large(check):
    db = check.db
    batch = db.batch()
    for n in range(1200):
        batch.set(db.document(f"many/{n}"), {"n": n})
    check.equal("1,200 writes in one", len(batch.commit()), 1200)
    check.equal("all there", db.collection("many").count().get()[0][0].value, 1200)


@scenario("batches/bulk-writer")
def bulk_writer(check):
    db = check.db
    db.document("c/exists").set({"n": 0})
    writer = db.bulk_writer()
    failed = []
    written = []

    def on_error(error, _writer):
        failed.append(error.code)
        return False

    writer.on_write_error(on_error)
    writer.on_write_result(lambda reference, result, _writer: written.append(reference.id))
    for n in range(100):
        writer.set(db.document(f"c/{n:03}"), {"n": n})
    writer.create(db.document("c/exists"), {"n": 1})
    writer.update(db.document("c/missing"), {"n": 1})
    writer.close()
    check.equal("results", len(written), 100)
    check.equal("errors", sorted(failed), [5, 6])
    check.equal("all there", db.collection("c").count().get()[0][0].value, 101)


@scenario("batches/databases")
def databases(check):
    other = check.open(database="other")
    check.db.document("c/a").set({"in": "default"})
    other.document("c/a").set({"in": "other"})
    seen = [client.document("c/a").get().to_dict() for client in (check.db, other)]
    check.equal("each its own", seen, [{"in": "default"}, {"in": "other"}])
    batch = other.batch()
    batch.update(other.document("c/a"), {"n": firestore.Increment(1)})
    batch.commit()
    check.equal("written in one", [client.document("c/a").get().get("in") for client in (check.db, other)], ["default", "other"])
