"""Facets: key terms, questions, entities, sentiment, categories, action items, translations and a synthesis, side by
side with the summaries.
"""

from graphs.facets.answers import READERS, Unreadable
from graphs.facets.desk import Desk, Done, Given
from graphs.facets.merging import Merged, Part, merge_documents, merge_parts, shown
from graphs.facets.names import (
    FACET_PATTERN,
    OFFLINE_FACETS,
    SYNTHESIS,
    kind_of,
    reads_source,
    translation_language,
    wanted_facets,
)
from graphs.facets.offline.sentiment import LANGUAGES as SENTIMENT_LANGUAGES
from graphs.facets.offline.terms import WORDS_NOT_DIVIDED
from graphs.facets.prompts import ANSWER_TOKENS, source_messages, summary_messages
from graphs.facets.steps import FacetPlan, FacetResult, FacetStep

__all__ = [
    "ANSWER_TOKENS",
    "FACET_PATTERN",
    "OFFLINE_FACETS",
    "READERS",
    "SENTIMENT_LANGUAGES",
    "SYNTHESIS",
    "WORDS_NOT_DIVIDED",
    "Desk",
    "Done",
    "FacetPlan",
    "FacetResult",
    "FacetStep",
    "Given",
    "Merged",
    "Part",
    "Unreadable",
    "kind_of",
    "merge_documents",
    "merge_parts",
    "reads_source",
    "shown",
    "source_messages",
    "summary_messages",
    "translation_language",
    "wanted_facets",
]
