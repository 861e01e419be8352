"""What the sentences of a summary rest on, and how good a summary is."""

from graphs.evidence.intervals import interval
from graphs.evidence.marks import without_lookalikes
from graphs.evidence.rouge import Rouge, Share, rouge_of, rouge_tokens
from graphs.evidence.scores import EXPLANATIONS, Cited, Scores, Stated, Support, score_summary, supports, top_terms

__all__ = [
    "EXPLANATIONS",
    "Cited",
    "Rouge",
    "Scores",
    "Share",
    "Stated",
    "Support",
    "interval",
    "rouge_of",
    "rouge_tokens",
    "score_summary",
    "supports",
    "top_terms",
    "without_lookalikes",
]
