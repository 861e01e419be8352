"""Sentences, words, tokens, chunks, languages."""

from graphs.text.words import in_one_line

__all__ = ["in_one_line"]
