"""What the shell offers behind a flag is what the service takes."""

from typing import Any, get_args

import pytest

from app.cli import options
from app.store.models import Status
from graphs.facets.names import SOURCE_FACETS
from graphs.summarize import Options

PROPERTIES = Options.model_json_schema()["properties"]


def offered(flag: Any, incomplete: str = "") -> list[str]:
    """Return what the shell is given for what was typed of a value."""
    _, option = get_args(flag)
    words: list[str] = option.autocompletion(incomplete)
    return words


@pytest.mark.parametrize(
    ("flag", "name", "more"),
    [
        (options.Strategy, "strategy", []),
        (options.Scope, "scope", []),
        (options.Length, "length", []),
        (options.Style, "style", []),
        (options.Verify, "verify", []),
        (options.Unsupported, "unsupported", []),
        (options.GroupBy, "group_by", ["folder"]),  # which the command line makes groups of
    ],
)
def test_the_words_of_a_flag_are_those_of_the_option(flag: Any, name: str, more: list[str]) -> None:
    assert offered(flag) == [*PROPERTIES[name]["enum"], *more]


def test_the_words_of_a_flag_are_narrowed_to_what_was_typed() -> None:
    assert offered(options.Style, "pa") == ["paragraph"]
    assert offered(options.Style, "x") == []


def test_every_facet_and_every_status_is_offered() -> None:
    for facet in offered(options.Facets):
        Options(facets=[facet + "ko" * facet.endswith(":")])
    assert {*SOURCE_FACETS, "translation:", "synthesis"} == {*offered(options.Facets)}
    assert offered(options.Status) == [status.value for status in Status]
