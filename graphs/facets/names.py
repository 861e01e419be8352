"""Which facets there are, and what each needs: the sources, or the summary."""

from collections.abc import Iterable

SOURCE_FACETS = ("key_terms", "questions", "entities", "sentiment", "categories", "action_items")
"""Read from the sources, chunk by chunk, beside the map."""

OFFLINE_FACETS = ("key_terms", "entities", "sentiment")
"""Those that the embedded model finds by rules and statistics; it has no words of its own for the others."""

SYNTHESIS = "synthesis"
SYNTHESIS_NEEDS = ("key_terms", "questions")
TRANSLATION = "translation"
FACET_PATTERN = (
    "^(key_terms|questions|entities|sentiment|categories|action_items|synthesis"
    "|translation:[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)$"
)


def wanted_facets(named: Iterable[str]) -> list[str]:
    """Return the facets of a run: those named, once each, and what a synthesis is made of."""
    wanted = list(named)
    if SYNTHESIS in wanted:
        wanted += SYNTHESIS_NEEDS
    return list(dict.fromkeys(wanted))


def reads_source(facet: str) -> bool:
    """Tell whether a facet is read from the sources; else it is made of the summary."""
    return facet in SOURCE_FACETS


def kind_of(facet: str) -> str:
    """Return the facet's name without the language of a translation."""
    return facet.partition(":")[0]


def translation_language(facet: str) -> str:
    """Return the BCP 47 tag that a translation is wanted in."""
    return facet.partition(":")[2]
