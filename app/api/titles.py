"""What documents are called, as people are shown it."""

import unicodedata

_JOINERS = "\u200c\u200d"  # no spaces, but letters of Persian and Hindi, and one picture of several emoji, hang on them


def one_line(text: str) -> str:
    """Return a text, such as a title, without line breaks and characters that a terminal or a page would obey.

    Letters are composed, as people type what they search for: names of files from some systems are not.
    """
    composed = unicodedata.normalize("NFC", text)
    return " ".join("".join(filter(_may_stand, composed)).split()).strip(_JOINERS)


def _may_stand(character: str) -> bool:
    return character.isprintable() or character.isspace() or character in _JOINERS
