"""From flags to the options of the API."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.terminal.ending import USAGE, CommandFailed

Json = dict[str, Any]

BUDGET = "max_"  # what flags of the budget begin with


def options_of(flags: Mapping[str, Any], named: Sequence[str]) -> Json:
    """Return the options that flags ask for; what is not given is left to its default.

    `named` holds `NAME=VALUE` of any option that the API has, also of one that has no flag of its own: the value is
    JSON, or else text; `budget.usd` is a field of a field; a name that is repeated makes a list. Whether the options
    are right is judged where the run is made. Raises `CommandFailed`.
    """
    options: Json = {}
    for flag, value in flags.items():
        if value is None:
            continue
        if flag.startswith(BUDGET):
            options.setdefault("budget", {})[flag.removeprefix(BUDGET)] = value
        elif flag == "length" and str(value).isdecimal():
            options["words"] = int(value)
        else:
            options[flag] = value
    repeated: dict[str, list[Any]] = {}
    for text in named:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise CommandFailed(f"--option {text!r}: say NAME=VALUE, such as strategy=single.", USAGE)
        repeated.setdefault(name.strip().replace("-", "_"), []).append(_value(value))
    for name, values in repeated.items():
        *outer, last = name.split(".")
        place = options
        for part in outer:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                raise CommandFailed(f"--option {name}: {part} is given as a value already.", USAGE)
            place = inner
        place[last] = values[0] if len(values) == 1 else values
    return options


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
