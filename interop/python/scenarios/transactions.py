import os
import threading
from concurrent.futures import ThreadPoolExecutor

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from scenario import scenario


@scenario("transactions/read-write")
def read_write(check):
    db = check.db
    db.document("c/a").set({"n": 1})
    db.document("c/b").set({"n": 2})

    @firestore.transactional
    def move(transaction):
        a = db.document("c/a").get(transaction=transaction)
        found = {doc.id: doc for doc in transaction.get_all([db.document("c/b"), db.document("c/none")])}
        queried = [doc.id for doc in transaction.get(db.collection("c").where(filter=FieldFilter("n", ">", 1)))]
        transaction.update(a.reference, {"n": a.get("n") + found["b"].get("n")})
        transaction.create(db.document("c/none"), {"fresh": True})
        transaction.delete(db.document("c/b"))
        return [a.get("n"), found["none"].exists, queried]

    check.equal("seen", move(db.transaction()), [1, False, ["b"]])
    check.equal("written", {doc.id: doc.to_dict() for doc in db.collection("c").stream()}, {"a": {"n": 3}, "none": {"fresh": True}})


@scenario("transactions/rollback")
def rollback(check):
    db = check.db
    db.document("c/a").set({"n": 1})

    @firestore.transactional
    def regret(transaction):
        db.document("c/a").get(transaction=transaction)
        transaction.set(db.document("c/a"), {"n": 2})
        raise LookupError("changed its mind")

    check.fails("its error comes out", lambda: regret(db.transaction()), "LookupError", "changed its mind")
    check.equal("nothing written", db.document("c/a").get().to_dict(), {"n": 1})
    db.document("c/a").set({"n": 3})
    check.equal("nothing held", db.document("c/a").get().to_dict(), {"n": 3})


@scenario("transactions/failed-precondition")
def failed(check):
    db = check.db
    db.document("c/a").set({"n": 1})
    attempts = []

    @firestore.transactional
    def create(transaction):
        attempts.append(1)
        transaction.create(db.document("c/a"), {"n": 2})

    check.fails("refused", lambda: create(db.transaction()), "ALREADY_EXISTS", "already exists")
    check.equal("and not repeated", len(attempts), 1)


@scenario("transactions/read-only")
def read_only(check):
    db = check.db
    document = db.document("c/a")
    document.set({"n": 1})

    @firestore.transactional
    def look(transaction):
        first = document.get(transaction=transaction).get("n")
        document.set({"n": 2})
        return [first, document.get(transaction=transaction).get("n"), [doc.get("n") for doc in transaction.get(db.collection("c").order_by("n"))]]

    check.equal("one snapshot", look(db.transaction(read_only=True)), [1, 1, [1]])
    check.equal("the write stays", document.get().get("n"), 2)


@scenario("transactions/conflict", seconds=90)
def conflict(check):
    db = check.db
    document = db.document("c/a")
    document.set({"n": 1})
    attempts = []
    executor = ThreadPoolExecutor(1)

    @firestore.transactional
    def double(transaction):
        n = document.get(transaction=transaction).get("n")
        if not attempts:
            # Where reads lock, this waits until the transaction has ended; where they don't, the transaction is repeated.
            attempts.append(executor.submit(document.update, {"n": firestore.Increment(10)}))
            threading.Event().wait(0.3)
        transaction.update(document, {"n": n * 2})

    double(db.transaction())
    attempts[0].result()
    check.equal("one after the other", document.get().get("n") in (12, 22), True)


@scenario("transactions/contention", seconds=120)
def contention(check):
    db = check.db
    document = db.document("c/counter")
    document.set({"n": 0})
    workers, each = int(os.environ.get("INTEROP_WORKERS", "2")), 3

    @firestore.transactional
    def add_one(transaction):
        n = document.get(transaction=transaction).get("n")
        transaction.update(document, {"n": n + 1})

    def work(_):
        for _ in range(each):
            add_one(db.transaction(max_attempts=50))

    with ThreadPoolExecutor(workers) as executor:
        list(executor.map(work, range(workers)))
    check.equal("none lost", document.get().get("n") == workers * each, True)


@scenario("transactions/aggregate")
def aggregate(check):
    db = check.db
    db.document("c/a").set({"n": 1})

    @firestore.transactional
    def count(transaction):
        n = db.collection("c").count().get(transaction=transaction)[0][0].value
        transaction.set(db.document("totals/c"), {"count": n})

    count(db.transaction())
    check.equal("counted and written", db.document("totals/c").get().to_dict(), {"count": 1})
