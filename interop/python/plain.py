"""Answers as plain JSON that two servers can be compared by: nothing in it depends on when or where it was given."""

import math
from datetime import datetime, timezone

from google.cloud.firestore_v1 import GeoPoint
from google.cloud.firestore_v1.base_collection import BaseCollectionReference
from google.cloud.firestore_v1.base_document import BaseDocumentReference
from google.cloud.firestore_v1.vector import Vector

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def plain(value):
    """The value as JSON; integers and doubles of the same size stay apart."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"int": str(value)}
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, datetime):
        return {"time": int((value - EPOCH).total_seconds() // 1), "micros": value.microsecond}
    if isinstance(value, Vector):
        return {"vector": [plain(part) for part in value.to_map_value()["value"]]}
    if isinstance(value, GeoPoint):
        return {"geo": [_double(value.latitude), _double(value.longitude)]}
    if isinstance(value, BaseDocumentReference):
        return {"ref": value.path}
    if isinstance(value, BaseCollectionReference):
        return {"ref": "/".join(value._path)}
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    raise TypeError(f"no plain form of {type(value)}")


def _double(value):
    if math.isfinite(value):
        return {"double": repr(value)}
    return {"double": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
