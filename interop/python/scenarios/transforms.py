from google.cloud import firestore

from scenario import scenario


@scenario("transforms/numbers")
def numbers(check):
    document = check.db.document("c/a")

    def after(stored, transform):
        document.set({} if stored is None else {"n": stored})
        document.update({"n": transform})
        return document.get().get("n")

    increment, maximum, minimum = firestore.Increment, firestore.Maximum, firestore.Minimum
    check.equal("increment", after(1, increment(2)), 3)
    check.equal("increment of a missing field", after(None, increment(2)), 2)
    check.equal("increment of text", after("text", increment(2)), 2)
    check.equal("increment by a double", after(1, increment(1.0)), 2.0)
    check.equal("stays below the greatest integer", after(2**63 - 2, increment(5)), 2**63 - 1)
    check.equal("stays above the least integer", after(-(2**63) + 1, increment(-5)), -(2**63))
    check.equal("maximum", after(1, maximum(3)), 3)
    check.equal("maximum of a larger one", after(5, maximum(3)), 5)
    check.equal("maximum of a missing field", after(None, maximum(3)), 3)
    check.equal("maximum of text", after("text", maximum(3)), 3)
    check.equal("maximum keeps the stored of two equal", after(3, maximum(3.0)), 3)
    check.equal("maximum takes the winner's type", after(3, maximum(3.5)), 3.5)
    check.equal("minimum", after(5, minimum(3.5)), 3.5)
    check.equal("minimum of a smaller one", after(1, minimum(3)), 1)
    check.equal("minimum keeps the stored of two equal", after(3.0, minimum(3)), 3.0)
    check.equal("minimum with not a number", after(1, minimum(float("nan"))), float("nan"))
    check.equal("compared exactly", after(2**53 + 1, maximum(float(2**53))), 2**53 + 1)


@scenario("transforms/arrays")
def arrays(check):
    document = check.db.document("c/a")
    document.set({"l": [1, "a", 1], "scalar": 5})
    document.update({"l": firestore.ArrayUnion([2, 1.0, "a", {"x": 1}, 2]), "scalar": firestore.ArrayUnion([1])})
    check.equal("union", document.get().to_dict(), {"l": [1, "a", 1, 2, {"x": 1}], "scalar": [1]})
    document.update({"l": firestore.ArrayRemove([1.0, {"x": 1}]), "absent": firestore.ArrayRemove([1])})
    check.equal("removal", document.get().to_dict(), {"l": ["a", 2], "scalar": [1], "absent": []})


@scenario("transforms/server-timestamp")
def server_timestamp(check):
    document = check.db.document("c/a")
    document.set({"t": firestore.SERVER_TIMESTAMP, "m": {"t": firestore.SERVER_TIMESTAMP}, "a": 1})
    snapshot = document.get()
    time = snapshot.get("t")
    check.equal("one for all fields", time == snapshot.get("m.t"), True)
    check.equal("of whole milliseconds", time.microsecond % 1000, 0)
    check.equal("about the time of the commit", abs((time - snapshot.update_time).total_seconds()) < 5, True)
    batch = check.db.batch()
    batch.set(check.db.document("c/b"), {"t": firestore.SERVER_TIMESTAMP})
    batch.set(check.db.document("c/c"), {"t": firestore.SERVER_TIMESTAMP})
    batch.commit()
    check.equal("one for all documents", check.db.document("c/b").get().get("t") == check.db.document("c/c").get().get("t"), True)
