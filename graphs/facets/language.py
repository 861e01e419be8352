"""Whether an answer is in the language that was asked for, judged only where that is certain enough to ask again."""

from graphs.text.language import detect_language

# Languages that a script of their own tells from all others, by ISO 639-1 code.
_BY_SCRIPT = frozenset(("ko", "ja", "th", "el"))
LEAST_LETTERS = 20  # in fewer, names alone may decide


def is_in(language: str, text: str, *, not_in: str = "") -> bool:
    """Tell whether a text may be in a language, a BCP 47 tag. False only where a script of its own gives it away, or
    where the text is still in the language `not_in` that it should have been translated from.
    """
    if sum(map(str.isalpha, text)) < LEAST_LETTERS:
        return True
    wanted, found = _base(language), detect_language(text)
    if found == wanted:
        return True
    if found in _BY_SCRIPT or wanted in _BY_SCRIPT:
        return False
    return not (not_in and found == _base(not_in) and wanted != _base(not_in))


def _base(tag: str) -> str:
    return tag.partition("-")[0].lower()
