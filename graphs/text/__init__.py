"""Sentences, words, tokens, chunks, languages."""

from graphs.text.words import as_paragraph

__all__ = ["as_paragraph"]
