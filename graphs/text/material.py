"""What other people wrote, as a prompt shows it: between markers, and titles on one line."""

import hashlib

TITLE_CHARACTERS = 120


def enclosed(material: str) -> str:
    """Return material between markers that carry its hash, so nothing in it can close them."""
    mark = hashlib.sha256(material.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"<material-{mark}>\n{material}\n</material-{mark}>"


def title_line(title: str) -> str:
    """Return a title as one line of at most 120 characters."""
    return " ".join(title.split())[:TITLE_CHARACTERS]
