from google.cloud import firestore

from scenario import scenario


@scenario("documents/get")
def get(check):
    document = check.db.document("c/a")
    missing = document.get()
    check.equal("a missing document has no data", [missing.exists, missing.to_dict()], [False, None])
    check.equal("a missing document has a read time", missing.read_time is not None, True)
    written = document.set({"a": 1, "m": {"x": 1, "y": 2}})
    snapshot = document.get()
    check.equal("data", snapshot.to_dict(), {"a": 1, "m": {"x": 1, "y": 2}})
    check.equal("the write names the update time", snapshot.update_time == written.update_time, True)
    check.equal("created when first written", snapshot.create_time == snapshot.update_time, True)
    check.equal("read at or after the write", snapshot.read_time >= snapshot.update_time, True)
    check.equal("a field mask", document.get(["m.y"]).to_dict(), {"m": {"y": 2}})


@scenario("documents/get-all")
def get_all(check):
    db = check.db
    db.document("c/a").set({"a": 1, "b": {"x": 1, "y": 2}})
    db.document("c/b").set({"a": 2})
    found = list(db.get_all([db.document("c/a"), db.document("c/none"), db.document("c/b"), db.document("c/a")]))
    check.equal("each once", sorted((doc.id, doc.exists) for doc in found), [("a", True), ("b", True), ("none", False)])
    check.equal("one read time", len({doc.read_time for doc in found}), 1)
    masked = db.get_all([db.document("c/a"), db.document("c/b")], field_paths=["b.x", "missing"])
    check.equal("a field mask", {doc.id: doc.to_dict() for doc in masked}, {"a": {"b": {"x": 1}}, "b": {}})


@scenario("documents/create")
def create(check):
    document = check.db.document("c/a")
    document.create({"a": 1})
    check.fails("a second time", lambda: document.create({"a": 2}), "ALREADY_EXISTS", "already exists")
    check.equal("the first stays", document.get().to_dict(), {"a": 1})
    check.db.document("c/empty").create({})
    check.equal("an empty document exists", check.db.document("c/empty").get().exists, True)
    _, added = check.db.collection("c").add({"b": 1})
    check.equal("an id of the client", len(added.id), 20)


@scenario("documents/long-names")
def long_names(check):
    # In a header each byte of these takes three, and the client's core takes 16 KiB of headers.
    id = "ü" * 745
    document = check.db.document(id, id, id, id)
    document.create({"n": 1})
    check.fails("a refusal that names it", lambda: document.create({}), "ALREADY_EXISTS", "already exists")
    check.equal("it is there", document.get().to_dict(), {"n": 1})


@scenario("documents/set")
def set_(check):
    document = check.db.document("c/a")
    document.set({"a": 1, "m": {"x": 1, "y": 1}, "l": [1]})
    document.set({"b": 1, "m": {"z": 1}}, merge=True)
    check.equal("merge", document.get().to_dict(), {"a": 1, "b": 1, "m": {"x": 1, "y": 1, "z": 1}, "l": [1]})
    document.set({"a": 2, "m": {"y": 2}}, merge=["a", "m.y"])
    check.equal("merge of fields", document.get().to_dict(), {"a": 2, "b": 1, "m": {"x": 1, "y": 2, "z": 1}, "l": [1]})
    document.set({"m": {"x": firestore.DELETE_FIELD}, "b": firestore.DELETE_FIELD}, merge=True)
    check.equal("merge that deletes", document.get().to_dict(), {"a": 2, "m": {"y": 2, "z": 1}, "l": [1]})
    document.set({"only": True})
    check.equal("replacement", document.get().to_dict(), {"only": True})


@scenario("documents/update")
def update(check):
    document = check.db.document("c/a")
    check.fails("of a missing document", lambda: document.update({"a": 1}), "NOT_FOUND", "no document to update")
    first = document.set({"a": 1, "m": {"x": 1, "y": 1}})
    document.update({"m.x": 2, "n.deep": 1, "a": firestore.DELETE_FIELD})
    check.equal("by paths", document.get().to_dict(), {"m": {"x": 2, "y": 1}, "n": {"deep": 1}})
    old = check.db.write_option(last_update_time=first.update_time)
    check.fails("of an old time", lambda: document.update({"a": 3}, option=old), "FAILED_PRECONDITION", "does not match")
    fresh = check.db.write_option(last_update_time=document.get().update_time)
    document.update({"a": 4}, option=fresh)
    check.equal("of the right time", document.get().to_dict(), {"a": 4, "m": {"x": 2, "y": 1}, "n": {"deep": 1}})


@scenario("documents/delete")
def delete(check):
    document = check.db.document("c/a")
    document.delete()
    check.equal("of a missing document", document.get().exists, False)
    must_exist = check.db.write_option(exists=True)
    check.fails("that must exist", lambda: document.delete(option=must_exist), "NOT_FOUND", "no document to update")
    first = document.set({"a": 1})
    second = document.set({"a": 2})
    check.ascending("each write later", first.update_time, second.update_time)
    old = check.db.write_option(last_update_time=first.update_time)
    check.fails("of an old time", lambda: document.delete(option=old), "FAILED_PRECONDITION", "does not match")
    document.delete(option=must_exist)
    check.equal("of an existing document", document.get().exists, False)


@scenario("documents/times")
def times(check):
    document = check.db.document("c/a")
    document.set({"a": 1})
    first = document.get()
    document.set({"a": 1})
    same = document.get()
    check.equal("a write that changes nothing keeps the update time", same.update_time == first.update_time, True)
    document.set({"a": 1.0})
    changed = document.get()
    check.ascending("a change of the type alone moves it", first.update_time, changed.update_time)
    check.equal("the creation stays", changed.create_time == first.create_time, True)
    document.delete()
    document.set({"a": 1})
    check.ascending("created anew", changed.update_time, document.get().create_time)
