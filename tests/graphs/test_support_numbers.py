"""Support: a number or a name that the passage writes in another way is no false alarm, and another one is an alarm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.evidence.support import support_of


def unsupported(sentence: str, passage: str, language: str = "en") -> list[str]:
    return support_of(sentence, [passage], language=language).unsupported


@pytest.mark.parametrize(
    ("sentence", "passage"),
    [
        ("It cost 1000 crowns.", "It cost 1,000 crowns."),
        ("It cost 1,000 crowns.", "It cost one thousand crowns."),
        ("It cost 2.5 million.", "It cost 2,500,000."),
        ("It cost 2,500,000.", "It cost 2.5 million."),
        ("It took 205,000 days.", "It took two hundred and five thousand days."),
        ("It was the 3rd day.", "It was the third day."),
        ("It rose by 50%.", "It rose by 50.0 percent."),
        ("참가자는 3만 명이다.", "참가자는 30,000명이었다."),
        ("참가자는 30,000명이다.", "참가자는 3만 명이었다."),
        ("We use an LCD.", "the L_C_D_ display"),
        ("The Anglo-French pact held.", "The French and the Anglo side kept it."),
        ('He said: "Nothing was lost."', "nothing was lost, he said"),
        ("It was the Mills' boat.", "The boat of Mill."),
    ],
)
def test_another_way_to_write_the_same_is_supported(sentence: str, passage: str) -> None:
    assert unsupported(sentence, passage) == []


@pytest.mark.parametrize(
    ("sentence", "passage", "missing"),
    [
        ("It cost 1000 crowns.", "It cost 100 crowns.", ["1000"]),
        ("It cost 2.5 million.", "It cost 2.6 million.", ["2.5"]),
        ("참가자는 3만 명이다.", "참가자는 4만 명이었다.", ["3"]),
        ("It took 25 days.", "It took thirty five days.", ["25"]),
        ("We use an LCD.", "we use an old disc", ["LCD"]),
        ("The Anglo-French pact held.", "The French side kept it.", ["Anglo-French"]),
    ],
)
def test_something_else_is_an_alarm(sentence: str, passage: str, missing: list[str]) -> None:
    assert unsupported(sentence, passage) == missing


@given(st.integers(0, 10**40), st.sampled_from(["", " thousand", " million", "만", "억"]))
def test_a_number_supports_itself_however_long_it_is(number: int, scale: str) -> None:
    assert unsupported(f"It was {number:,}{scale}.", f"they said {number}{scale}") == []


@given(st.text(alphabet="019.,: tenhudrandmilo만억A-'’\"_", max_size=80))
def test_any_text_supports_itself(text: str) -> None:
    assert unsupported(text, text) == []
