"""What the sentences of a summary rest on, and how good a summary is."""

from graphs.evidence.citations import Place
from graphs.evidence.intervals import interval
from graphs.evidence.marks import without_lookalikes
from graphs.evidence.rouge import Rouge, Share, rouge_of, rouge_tokens
from graphs.evidence.scores import EXPLANATIONS, Scores, Stated, score_summary, top_terms

__all__ = [
    "EXPLANATIONS",
    "Place",
    "Rouge",
    "Scores",
    "Share",
    "Stated",
    "interval",
    "rouge_of",
    "rouge_tokens",
    "score_summary",
    "top_terms",
    "without_lookalikes",
]
