"""What a scenario is, and what it may say of a server."""

import os
import re
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late

import grpc
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from plain import plain

HOST = os.environ.get("FIRESTORE_EMULATOR_HOST")
SCENARIOS = []


def scenario(name, seconds=30):
    """Registers a scenario, which is given a `Check`."""

    def register(body):
        assert all(name != known for known, _, _ in SCENARIOS), f"two scenarios are called {name}"
        SCENARIOS.append((name, body, seconds))
        return body

    return register


def run(name, body, seconds):
    """Runs one scenario in a project of its own; answers what was seen, step by step."""
    check = Check()
    executor = ThreadPoolExecutor(1)
    try:
        executor.submit(body, check).result(timeout=seconds)
        check.equal("end", "reached", "reached")
    except Late:
        check.equal("end", {"code": "Late", "message": f"not finished after {seconds} s"}, "reached")
    except Exception as error:  # whatever it is, it is what the scenario ends with
        check.equal("end", failure(error), "reached")
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
    return {"scenario": name, "steps": check.steps}


class Check:
    """The project of one scenario, and the record of what the server answered in it."""

    def __init__(self):
        self.steps = []
        self.project = f"interop-{secrets.token_hex(6)}"
        self.db = self.open()

    def open(self, database=None):
        """Another client of the same project."""
        return firestore.Client(project=self.project, database=database)

    def raw(self):
        """The generated client, and the names that its requests need."""
        return Raw(f"projects/{self.project}/databases/(default)")

    def equal(self, step, answer, expected):
        """The server's answer, and what production answers."""
        seen, wanted = plain(answer), plain(expected)
        self._record(step, seen, None if seen == wanted else {"expected": wanted})

    def fails(self, step, call, code, kind=""):
        """A call that production refuses with `code`, and with a message like `kind`."""
        try:
            call()
            seen = {"succeeded": True}
        except Exception as error:  # every kind of refusal is an answer
            seen = failure(error)
        if seen.get("code") == code and re.search(kind, seen["message"], re.IGNORECASE):
            self._record(step, {"code": code}, None)
        else:
            self._record(step, seen, {"expected": {"code": code, "message": kind}})

    def ascending(self, step, *times):
        """Times that the server gave, each later than the one before."""
        relations = [earlier < later for earlier, later in zip(times, times[1:])]
        self.equal(step, relations, [True for _ in relations])

    def _record(self, step, answer, expected):
        assert all(step != known["step"] for known in self.steps), f"two steps are called {step}"
        self.steps.append({"step": step, "answer": answer, **(expected or {})})


class Raw:
    """The generated client over a channel of its own."""

    def __init__(self, database):
        self.database = database
        self.root = f"{database}/documents"
        self.client = FirestoreClient(transport=FirestoreGrpcTransport(channel=grpc.insecure_channel(HOST)))
        # Without these the official emulator refuses streams, and what only an owner may do.
        self.metadata = [("google-cloud-resource-prefix", database), ("authorization", "Bearer owner")]

    def __getattr__(self, method):
        call = getattr(self.client, method)
        return lambda *args, **options: call(*args, metadata=self.metadata, retry=None, **options)


def failure(error):
    """An error as a code's name and a message without names of projects or times."""
    status = getattr(error, "grpc_status_code", None)
    if status is None and isinstance(error, grpc.RpcError):
        status = error.code()
    code = status.name if status else type(error).__name__
    message = error.message if isinstance(error, exceptions.GoogleAPICallError) else str(error)
    message = re.sub(r"interop-[0-9a-f]{12}", "PROJECT", message)
    message = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z?", "TIME", message)
    return {"code": code, "message": re.sub(r"\b\d{10,}\b", "NUMBER", message)[:300]}


class Heard:
    """What a listener was told, waited for."""

    def __init__(self):
        self.snapshots = []
        self._changed = threading.Condition()

    def __call__(self, documents, changes, read_time):
        with self._changed:
            self.snapshots.append((documents, changes, read_time))
            self._changed.notify_all()

    def first(self, holds, start=0):
        """The first snapshot from number `start` on whose documents satisfy `holds`."""
        found = []

        def look():
            found.extend(snapshot for snapshot in self.snapshots[start:] if holds(snapshot[0]))
            return found

        with self._changed:
            assert self._changed.wait_for(look, timeout=20), "no such snapshot within 20 s"
        return found[0]

    def number(self, count):
        """The snapshot number `count`, counted from one."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.snapshots) >= count, timeout=20), f"no snapshot {count} within 20 s"
            return self.snapshots[count - 1]
