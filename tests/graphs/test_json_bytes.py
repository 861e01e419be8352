import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphs.models.wire import json_bytes

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters()), inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_json_says_the_value_whatever_characters_and_numbers_are_in_it(value: Any) -> None:
    assert json.loads(json_bytes(value)) == value


@given(st.dictionaries(st.text(), st.text()))
def test_the_order_of_keys_makes_no_difference_where_they_are_sorted(value: dict[str, str]) -> None:
    turned = dict(reversed(value.items()))
    assert json_bytes(value, sorts_keys=True) == json_bytes(turned, sorts_keys=True)


def test_a_letter_of_korean_takes_three_bytes_and_half_a_pair_an_escape() -> None:
    assert json_bytes("한") == '"한"'.encode()
    assert json_bytes(["한\ud800"]) == rb'["\ud55c\ud800"]'
