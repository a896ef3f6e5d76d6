"""What only the generated client can ask."""

import queue

from google.cloud.firestore_v1.types import Document, Value, Write

from scenario import failure, scenario


def number(n):
    return {"n": Value(integer_value=n)}


def short(name):
    return name.split("/documents/")[1]


def put(name, n, **rest):
    return {"update": Document(name=name, fields=number(n)), **rest}


@scenario("rpc/documents")
def documents(check):
    raw = check.raw()
    made = raw.create_document({"parent": raw.root, "collection_id": "c", "document_id": "a", "document": {"fields": number(1)}})
    check.equal("created", [short(made.name), made.fields["n"].integer_value], ["c/a", 1])
    check.fails("a second time", lambda: raw.create_document({"parent": raw.root, "collection_id": "c", "document_id": "a", "document": {}}), "ALREADY_EXISTS", "already exists")
    named = raw.create_document({"parent": raw.root, "collection_id": "c", "document": {}})
    check.equal("an id of the server", len(short(named.name)), 22)
    changed = raw.update_document({"document": {"name": made.name, "fields": {"m": Value(integer_value=2)}}, "update_mask": {"field_paths": ["m"]}})
    check.equal("merged", sorted(changed.fields), ["m", "n"])
    got = raw.get_document({"name": made.name, "mask": {"field_paths": ["m"]}})
    check.equal("masked", list(got.fields), ["m"])
    then = raw.get_document({"name": made.name, "read_time": made.update_time})
    check.equal("at a time", list(then.fields), ["n"])
    raw.delete_document({"name": made.name})
    check.fails("gone", lambda: raw.get_document({"name": made.name}), "NOT_FOUND", "not found")
    check.fails("a broken name", lambda: raw.get_document({"name": "nonsense"}), "INVALID_ARGUMENT")


@scenario("rpc/transactions")
def transactions(check):
    raw = check.raw()
    name = f"{raw.root}/c/a"
    first = raw.commit({"database": raw.database, "writes": [put(name, 1)]})
    raw.commit({"database": raw.database, "writes": [put(name, 2)]})
    past = raw.begin_transaction({"database": raw.database, "options": {"read_only": {"read_time": first.commit_time}}}).transaction
    check.equal("read only at a time", raw.get_document({"name": name, "transaction": past}).fields["n"].integer_value, 1)
    check.fails("which does not write", lambda: raw.commit({"database": raw.database, "transaction": past, "writes": [put(name, 3)]}), "INVALID_ARGUMENT", "read-only")
    read = list(raw.batch_get_documents({"database": raw.database, "documents": [name], "new_transaction": {"read_write": {}}}))
    begun = next(message.transaction for message in read if message.transaction)
    check.equal("one by a read", [message.found.fields["n"].integer_value for message in read if "found" in message], [2])
    raw.rollback({"database": raw.database, "transaction": begun})
    check.fails("after its rollback", lambda: raw.commit({"database": raw.database, "transaction": begun, "writes": [put(name, 3)]}), "INVALID_ARGUMENT")
    queried = list(raw.run_query({"parent": raw.root, "structured_query": {"from_": [{"collection_id": "c"}]}, "new_transaction": {"read_write": {"retry_transaction": begun}}}))
    check.equal("one by a query, in its first message", bool(queried[0].transaction), True)
    committed = raw.commit({"database": raw.database, "transaction": queried[0].transaction, "writes": [put(name, 4)]})
    check.ascending("committed", first.commit_time, committed.commit_time)
    check.equal("the last write stays", raw.get_document({"name": name}).fields["n"].integer_value, 4)


@scenario("rpc/batch-write")
def batch_write(check):
    raw = check.raw()
    writes = [put(f"{raw.root}/c/a", 1), put(f"{raw.root}/c/b", 1, current_document={"exists": True}), {"delete": f"{raw.root}/c/c"}]
    answer = raw.batch_write({"database": raw.database, "writes": writes})
    check.equal("a status for each", [status.code for status in answer.status], [0, 5, 0])


@scenario("rpc/large-requests")
def large_requests(check):
    raw = check.raw()

    def filled(count):
        text = Value(string_value="x" * 1_000_000)
        writes = [{"update": Document(name=f"{raw.root}/c/{n}", fields={"text": text})} for n in range(count)]
        return raw.commit({"database": raw.database, "writes": writes})

    check.fails("more than 10 MiB", lambda: filled(11), "INVALID_ARGUMENT", "10485760 bytes")
    check.equal("nothing of it", len(list(check.db.collection("c").stream())), 0)
    check.equal("9 MB", len(filled(9).write_results), 9)
    check.equal("read at once", [len(doc.get("text")) for doc in check.db.collection("c").stream()], [1_000_000] * 9)


class Stream:
    """A call of both directions: what is sent, and what comes back one by one."""

    def __init__(self, call):
        self._requests = queue.SimpleQueue()
        self._call = call
        self._responses = None

    def send(self, request):
        self._requests.put(request)

    def next(self):
        # The call itself waits for the first response, so the first request must be there before.
        self._responses = self._responses or iter(self._call(iter(self._requests.get, None)))
        return next(self._responses)

    def close(self):
        self._requests.put(None)


@scenario("rpc/write")
def write(check):
    raw = check.raw()
    stream = Stream(raw.write)
    stream.send({"database": raw.database})
    hello = stream.next()
    check.equal("a greeting", [bool(hello.stream_id), bool(hello.stream_token)], [True, True])
    stream.send({"stream_token": hello.stream_token, "writes": [Write(put(f"{raw.root}/c/a", 1)), Write(put(f"{raw.root}/c/b", 2))]})
    first = stream.next()
    check.equal("results", len(first.write_results), 2)
    stream.send({"stream_token": first.stream_token, "writes": [Write(put(f"{raw.root}/c/a", 2, current_document={"exists": False}))]})
    check.fails("a refused write ends it", stream.next, "ALREADY_EXISTS", "already exists")
    check.equal("the first stay", check.db.document("c/a").get().to_dict(), {"n": 1})


def describe(message):
    """What a Listen message says, without tokens and times."""
    if "target_change" in message:
        change = message.target_change
        return [change.target_change_type.name, list(change.target_ids)]
    kind = next(kind for kind in ("document_change", "document_delete", "document_remove", "filter") if kind in message)
    change = getattr(message, kind)
    if kind == "filter":
        return [kind]
    return [kind, short(change.document.name if kind == "document_change" else change.document)]


def until_snapshot(stream):
    """What happens until the next consistent snapshot, and its token."""
    seen = []
    while True:
        message = stream.next()
        change = message.target_change
        if "target_change" in message and change.target_change_type.name == "NO_CHANGE" and not change.target_ids and "read_time" in change:
            return seen, change.resume_token
        seen.append(describe(message))


@scenario("rpc/listen")
def listen(check):
    raw = check.raw()
    check.db.document("c/a").set({"n": 1})

    def query(target_id, **rest):
        return {"database": raw.database, "add_target": {"target_id": target_id, "query": {"parent": raw.root, "structured_query": {"from_": [{"collection_id": "c"}]}}, **rest}}

    stream = Stream(raw.listen)
    stream.send(query(1))
    seen, token = until_snapshot(stream)
    check.equal("at first", seen, [["ADD", [1]], ["document_change", "c/a"], ["CURRENT", [1]]])
    check.db.document("c/b").set({"n": 2})
    seen, _ = until_snapshot(stream)
    check.equal("only what changed", seen, [["document_change", "c/b"]])
    stream.send({"database": raw.database, "remove_target": 1})
    while True:
        message = describe(stream.next())
        if message[0] == "REMOVE":
            break
    check.equal("removed", message, ["REMOVE", [1]])
    stream.close()
    again = Stream(raw.listen)
    again.send(query(2, resume_token=token))
    seen, _ = until_snapshot(again)
    check.equal("resumed: what changed since", [message for message in seen if message[0] not in ("ADD", "CURRENT", "NO_CHANGE")], [["document_change", "c/b"]])
    again.close()


@scenario("rpc/listen-unknown-database")
def listen_elsewhere(check):
    raw = check.raw()
    stream = Stream(raw.listen)
    stream.send({"database": "nonsense", "add_target": {"target_id": 1, "documents": {"documents": [f"{raw.root}/c/a"]}}})
    try:
        answer = describe(stream.next())
    except Exception as error:  # the refusal is the answer
        answer = failure(error)["code"]
    check.equal("refused", answer, "INVALID_ARGUMENT")
