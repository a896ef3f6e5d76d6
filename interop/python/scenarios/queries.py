from datetime import datetime, timedelta, timezone

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import And, FieldFilter, Or
from google.cloud.firestore_v1.base_vector_query import DistanceMeasure
from google.cloud.firestore_v1.field_path import FieldPath
from google.cloud.firestore_v1.query_profile import ExplainOptions
from google.cloud.firestore_v1.vector import Vector

from scenario import scenario

NAN = float("nan")


def ids(found):
    return [doc.id for doc in found]


def fill(db):
    documents = {
        "a": {"n": 1, "s": "x", "l": [1, 2], "g": "odd"}, "b": {"n": 2, "s": "y", "l": [2, 3], "g": "even"},
        "c": {"n": 3, "s": "x", "l": [], "g": "odd"}, "d": {"n": 4, "s": "y", "l": ["a"], "g": "even"},
        "e": {"n": 5, "s": "z", "l": [3], "g": "odd"}, "f": {"n": 2.5, "s": "x", "g": "none"},
        "g": {"n": None}, "h": {"n": NAN}, "i": {"n": "3"}, "j": {"n": [3]}, "k": {"n": {"x": 3}}, "l": {"s": "only"},
    }
    batch = db.batch()
    for id, data in documents.items():
        batch.set(db.document(f"c/{id}"), data)
    batch.commit()
    return db.collection("c")


@scenario("queries/operators")
def operators(check):
    c = fill(check.db)

    def find(*filter):
        return ids(c.where(filter=FieldFilter(*filter)).stream())

    check.equal("==", find("n", "==", 3), ["c"])
    check.equal("== null", find("n", "==", None), ["g"])
    check.equal("== not a number", find("n", "==", NAN), ["h"])
    check.equal("== inside a map", find("n.x", "==", 3), ["k"])
    check.equal("<", find("n", "<", 3), ["a", "b", "f"])
    check.equal("<=", find("n", "<=", 3), ["a", "b", "f", "c"])
    check.equal(">", find("n", ">", 3), ["d", "e"])
    check.equal(">=", find("n", ">=", 3), ["c", "d", "e"])
    check.equal("!=", find("n", "!=", 3), ["h", "a", "b", "f", "d", "e", "i", "j", "k"])
    check.equal("!= null", find("n", "!=", None), ["h", "a", "b", "f", "c", "d", "e", "i", "j", "k"])
    check.equal("!= not a number", find("n", "!=", NAN), ["a", "b", "f", "c", "d", "e", "i", "j", "k"])
    check.equal("in", find("n", "in", [2, 5, "3", "none"]), ["b", "e", "i"])
    check.equal("not-in", find("n", "not-in", [1, 2, 3, 4]), ["h", "f", "e", "i", "j", "k"])
    check.equal("array_contains", find("l", "array_contains", 2), ["a", "b"])
    check.equal("array_contains_any", find("l", "array_contains_any", [1, "a"]), ["a", "d"])
    check.fails("in of 31", lambda: find("n", "in", list(range(31))), "INVALID_ARGUMENT", "30")
    check.fails("two !=", lambda: list(c.where(filter=FieldFilter("n", "!=", 1)).where(filter=FieldFilter("n", "!=", 2)).stream()), "INVALID_ARGUMENT")


@scenario("queries/and-or")
def and_or(check):
    c = fill(check.db)

    def find(filter):
        return ids(c.where(filter=filter).stream())

    def w(field, value, op="=="):
        return FieldFilter(field, op, value)

    check.equal("and", find(And([w("s", "x"), w("n", 1, ">")])), ["f", "c"])
    check.equal("or", find(Or([w("n", 1), w("s", "z")])), ["a", "e"])
    check.equal("or of ands", find(Or([And([w("s", "x"), w("n", 2, "<")]), And([w("s", "y"), w("n", 3, ">")])])), ["a", "d"])
    check.equal("and of ors", find(And([Or([w("s", "x"), w("s", "y")]), Or([w("g", "odd"), w("n", 4)])])), ["a", "c", "d"])


@scenario("queries/order-and-limits")
def order(check):
    c = fill(check.db)
    numbers = c.where(filter=FieldFilter("n", ">=", 1)).order_by("n")
    check.equal("by name", ids(c.stream()), list("abcdefghijkl"))
    check.equal("all types", ids(c.order_by("n").stream()), list("ghabfcdeijk"))
    check.equal("two fields", ids(c.order_by("s").order_by("n", direction="DESCENDING").stream()), list("cfadbe"))
    check.equal("limit", ids(numbers.limit(2).stream()), ["a", "b"])
    check.equal("offset and limit", ids(numbers.offset(1).limit(2).stream()), ["b", "f"])
    check.equal("limit to last", ids(numbers.limit_to_last(2).get()), ["d", "e"])
    check.equal("select", [doc.to_dict() for doc in c.where(filter=FieldFilter("n", "==", 1)).select(["s", "missing"]).stream()], [{"s": "x"}])
    check.equal("select of nothing", [doc.to_dict() for doc in c.where(filter=FieldFilter("n", "==", 1)).select([]).stream()], [{}])


@scenario("queries/cursors")
def cursors(check):
    c = fill(check.db)
    numbers = c.where(filter=FieldFilter("n", ">", 0)).order_by("n")
    check.equal("start at", ids(numbers.start_at({"n": 3}).stream()), ["c", "d", "e"])
    check.equal("start after", ids(numbers.start_after({"n": 3}).stream()), ["d", "e"])
    check.equal("end at", ids(numbers.end_at({"n": 3}).stream()), ["a", "b", "f", "c"])
    check.equal("end before", ids(numbers.end_before({"n": 3}).stream()), ["a", "b", "f"])
    check.equal("two values", ids(c.order_by("s").order_by("n").start_at({"s": "x", "n": 2.5}).stream()), ["f", "c", "b", "d", "e"])
    snapshot = c.document("c").get()
    check.equal("start at a snapshot", ids(c.order_by("s").start_at(snapshot).stream()), ["c", "f", "b", "d", "e"])
    check.equal("start after a snapshot", ids(c.order_by("s").start_after(snapshot).stream()), ["f", "b", "d", "e"])
    check.equal("end before a snapshot", ids(c.order_by("s").end_before(snapshot).stream()), ["l", "a"])
    check.equal("a snapshot with an inequality", ids(c.where(filter=FieldFilter("n", ">", 0)).start_after(snapshot).stream()), ["d", "e"])
    check.equal("by name", ids(c.order_by("__name__").start_at({"__name__": c.document("j")}).stream()), ["j", "k", "l"])


@scenario("queries/groups")
def groups(check):
    db = check.db
    batch = db.batch()
    for n, path in enumerate(["g/1", "p/a/g/2", "p/b/g/3", "p/b/g/3/deeper/x/g/4", "p/b/other/5"]):
        batch.set(db.document(path), {"n": n})
    batch.commit()

    def paths(query):
        return [doc.reference.path for doc in query.stream()]

    group = db.collection_group("g")
    check.equal("every collection of that name", paths(group), ["g/1", "p/a/g/2", "p/b/g/3", "p/b/g/3/deeper/x/g/4"])
    check.equal("filtered", paths(group.where(filter=FieldFilter("n", ">=", 2))), ["p/b/g/3", "p/b/g/3/deeper/x/g/4"])
    check.equal("by name", paths(group.where(filter=FieldFilter(FieldPath.document_id(), ">", db.document("p/a/g/2")))), ["p/b/g/3", "p/b/g/3/deeper/x/g/4"])
    check.equal("the collection alone", paths(db.collection("p/b/g")), ["p/b/g/3"])


@scenario("queries/read-time")
def read_time(check):
    db = check.db
    c = db.collection("c")
    written = c.document("a").set({"n": 1})
    c.document("a").set({"n": 2})
    c.document("b").set({"n": 1})
    then = written.update_time
    check.equal("a document", c.document("a").get(read_time=then).to_dict(), {"n": 1})
    check.equal("documents", sorted((doc.id, doc.exists) for doc in db.get_all([c.document("a"), c.document("b")], read_time=then)), [("a", True), ("b", False)])
    check.equal("a query", [(doc.id, doc.to_dict()) for doc in c.stream(read_time=then)], [("a", {"n": 1})])
    check.equal("a count", c.count().get(read_time=then)[0][0].value, 1)
    check.equal("a listing", [ref.id for ref in c.list_documents(read_time=then)], ["a"])
    check.equal("collections", [ref.id for ref in db.collections(read_time=then)], ["c"])
    future = datetime.now(timezone.utc) + timedelta(hours=1)
    check.fails("in the future", lambda: c.document("a").get(read_time=future), "INVALID_ARGUMENT", "future")


@scenario("queries/nearest")
def nearest(check):
    db = check.db
    batch = db.batch()
    for id, point in {"a": [1, 0], "b": [0, 1], "c": [3, 4], "d": [1, 1], "e": [1, 2, 3]}.items():
        batch.set(db.document(f"v/{id}"), {"v": Vector([float(part) for part in point]), "even": id in "bd"})
    batch.commit()
    v = db.collection("v")

    def near(query, measure, limit=10, **options):
        return query.find_nearest("v", Vector([1.0, 0.0]), limit=limit, distance_measure=measure, **options).get()

    check.equal("euclidean", ids(near(v, DistanceMeasure.EUCLIDEAN)), ["a", "d", "b", "c"])
    check.equal("cosine", ids(near(v, DistanceMeasure.COSINE)), ["a", "d", "c", "b"])
    check.equal("dot product", ids(near(v, DistanceMeasure.DOT_PRODUCT)), ["c", "a", "d", "b"])
    check.equal("threshold", ids(near(v, DistanceMeasure.EUCLIDEAN, distance_threshold=1.0)), ["a", "d"])
    filtered = v.where(filter=FieldFilter("even", "==", True))
    check.equal("filtered", ids(near(filtered, DistanceMeasure.EUCLIDEAN)), ["d", "b"])
    found = near(v, DistanceMeasure.EUCLIDEAN, 2, distance_result_field="away")
    check.equal("distances", [doc.get("away") for doc in found], [0.0, 1.0])


@scenario("queries/explain")
def explain(check):
    c = fill(check.db)
    found = c.where(filter=FieldFilter("n", ">", 1)).get(explain_options=ExplainOptions(analyze=True))
    check.equal("results", ids(found), ["b", "f", "c", "d", "e"])
    metrics = found.get_explain_metrics()
    check.equal("an index is named", len(metrics.plan_summary.indexes_used) > 0, True)
    check.equal("how many", metrics.execution_stats.results_returned, 5)


@scenario("queries/aggregates")
def aggregates(check):
    db = check.db
    batch = db.batch()
    for id, v in {"a": 1, "b": 2.5, "c": 3, "d": "text", "e": None}.items():
        batch.set(db.document(f"c/{id}"), {"v": v})
    batch.set(db.document("c/f"), {"other": 1})
    batch.commit()
    c = db.collection("c")

    def ask(aggregation):
        return {result.alias: result.value for result in aggregation.get()[0]}

    check.equal("count", ask(c.count(alias="n")), {"n": 6})
    check.equal("count of a filter", ask(c.where(filter=FieldFilter("v", ">", 1)).count(alias="n")), {"n": 2})
    check.equal("count of a limit", ask(c.limit(2).count(alias="n")), {"n": 2})
    check.equal("sum", ask(c.sum("v", alias="s")), {"s": 6.5})
    check.equal("average", ask(c.avg("v", alias="a")), {"a": 6.5 / 3})
    # The client makes a double of everything that is nothing.
    check.equal("of none", ask(db.collection("none").count(alias="n").sum("v", alias="s").avg("v", alias="a")), {"n": 0.0, "s": 0.0, "a": 0.0})
    check.equal("without an alias", ask(c.count()), {"field_1": 6})
    integers = c.where(filter=FieldFilter("v", "in", [1, 3]))
    check.equal("a sum of integers is one", ask(integers.sum("v", alias="s").avg("v", alias="a")), {"s": 4, "a": 2.0})


@scenario("queries/many")
def many(check):
    db = check.db
    for start in range(0, 1000, 500):
        batch = db.batch()
        for n in range(start, start + 500):
            batch.set(db.document(f"many/{n:04}"), {"n": n, "text": "x" * 500})
        batch.commit()
    found = [doc.get("n") for doc in db.collection("many").stream()]
    check.equal("a thousand in order", found == list(range(1000)), True)
    chunks = [len(chunk) for chunk in db.collection("many").limit(250)._chunkify(100)]
    check.equal("in chunks", chunks, [100, 100, 50])
