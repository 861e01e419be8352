"""What documents are called, as people are shown it."""


def one_line(text: str) -> str:
    """Return a title without line breaks and characters that a terminal or a page would obey."""
    return " ".join("".join(character for character in text if character.isprintable() or character.isspace()).split())
