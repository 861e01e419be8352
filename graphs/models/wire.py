"""JSON as it goes to a model's server, and into the keys of the ledger."""

import json
from typing import Any

import orjson


def json_bytes(value: Any, *, sorts_keys: bool = False) -> bytes:
    """Return a value as UTF-8, without blanks. Half a surrogate pair, which UTF-8 cannot say, is escaped."""
    try:  # twenty times as fast as the standard library, for a prompt
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sorts_keys else None)
    except orjson.JSONEncodeError:
        return json.dumps(value, sort_keys=sorts_keys, separators=(",", ":")).encode()
