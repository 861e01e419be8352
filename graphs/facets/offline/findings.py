"""The embedded model's answers to facets: in the same form as a chat model's."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from threading import Lock

from graphs.facets.offline.entities import entities
from graphs.facets.offline.sentiment import sentiment
from graphs.facets.offline.terms import KeyTerms
from graphs.facets.prompts import NOTHING
from graphs.facets.steps import Sources

VERSION = "offline-5"
"""Part of every ledger key: change it with anything that changes an answer."""


class Finder:
    """Finds the facets of a batch's documents. Threads may share it."""

    def __init__(self, documents: Sources) -> None:
        self._documents = documents
        self._places = {document.id: place for place, document in enumerate(documents)}
        self._reading = Lock()

    def digest(self, facet: str, document: str) -> str:
        """Return a hash of all that a facet of a document depends on: key terms are weighed by the whole batch."""
        with self._reading:
            digests = self._digests
        place = self._places[document]
        return f"{place}:{_digest(digests)}" if facet == "key_terms" else digests[place]

    def find(self, facet: str, document: str) -> str:
        """Return one facet of a document, as an answer. Takes seconds for megabytes, so call it in a thread."""
        if facet == "key_terms":
            with self._reading:  # the first one reads the whole batch
                key_terms = self._key_terms
            found: list[str] = key_terms.of(self._places[document])
            return json.dumps(found, ensure_ascii=False) if found else NOTHING
        text = self._documents[document].text
        if facet == "entities":
            rows = [{"type": type, "name": name} for type, name in entities(text)]
            return json.dumps(rows, ensure_ascii=False) if rows else NOTHING
        label, score = sentiment(text)
        return f"{label} | {score}"

    @cached_property
    def _digests(self) -> list[str]:
        return [_digest([document.text]) for document in self._documents]

    @cached_property
    def _key_terms(self) -> KeyTerms:
        return KeyTerms([document.text for document in self._documents])


def _digest(texts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()
