"""Sentences, words, tokens, chunks, languages."""
