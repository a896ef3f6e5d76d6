from scenario import scenario


def tree(db):
    batch = db.batch()
    for path in ["c/a", "c/b", "c/ghost/s/x", "c/a/s/y", "c/a/t/z", "d/a"]:
        batch.set(db.document(path), {"path": path})
    batch.commit()


@scenario("collections/list")
def list_(check):
    db = check.db
    tree(db)
    check.equal("documents, with those that only have descendants", [ref.path for ref in db.collection("c").list_documents()], ["c/a", "c/b", "c/ghost"])
    check.equal("pages", [ref.path for ref in db.collection("c").list_documents(page_size=1)], ["c/a", "c/b", "c/ghost"])
    check.equal("at the root", [ref.id for ref in db.collections()], ["c", "d"])
    check.equal("of a document", [ref.id for ref in db.document("c/a").collections()], ["s", "t"])
    check.equal("of a missing document", [ref.id for ref in db.document("c/ghost").collections()], ["s"])
    check.equal("of one without", [ref.id for ref in db.document("d/a").collections()], [])


@scenario("collections/recursive-delete")
def recursive_delete(check):
    db = check.db
    tree(db)

    def left():
        return [doc.reference.path for group in "stcd" for doc in db.collection_group(group).stream()]

    db.recursive_delete(db.document("c/a"))
    check.equal("a document", left(), ["c/ghost/s/x", "c/b", "d/a"])
    db.recursive_delete(db.collection("c"), chunk_size=2)
    check.equal("a collection", left(), ["d/a"])


@scenario("collections/partitions")
def partitions(check):
    db = check.db
    batch = db.batch()
    for n in range(100):
        batch.set(db.document(f"p/{n % 10}/g/{n}"), {"n": n})
    batch.commit()
    parts = list(db.collection_group("g").get_partitions(4))
    # The client asks for as many points as parts, so there may be one part more.
    check.equal("at most as many as asked for", 1 <= len(parts) <= 5, True)
    check.equal("together they hold all", len({doc.reference.path for part in parts for doc in part.query().stream()}), 100)
