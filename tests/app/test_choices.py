"""What the shell offers behind a flag is what the service takes."""

from typing import Any, get_args

import pytest

from app.cli import choices
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
        (choices.Strategy, "strategy", []),
        (choices.Scope, "scope", []),
        (choices.Length, "length", []),
        (choices.Style, "style", []),
        (choices.Verify, "verify", []),
        (choices.Unsupported, "unsupported", []),
        (choices.GroupBy, "group_by", ["folder"]),  # which the command line makes groups of
    ],
)
def test_the_words_of_a_flag_are_those_of_the_option(flag: Any, name: str, more: list[str]) -> None:
    assert offered(flag) == [*PROPERTIES[name]["enum"], *more]


def test_the_words_of_a_flag_are_narrowed_to_what_was_typed() -> None:
    assert offered(choices.Style, "pa") == ["paragraph"]
    assert offered(choices.Style, "x") == []


def test_every_facet_and_every_status_is_offered() -> None:
    for facet in offered(choices.Facets):
        Options(facets=[facet + "ko" * facet.endswith(":")])
    assert {*SOURCE_FACETS, "translation:", "synthesis"} == {*offered(choices.Facets)}
    assert offered(choices.Status) == [status.value for status in Status]
