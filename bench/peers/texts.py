"""The texts of the benchmark: the same for every contender, made of the words of a sample."""

import random
import re
from functools import cache
from pathlib import Path

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "orphans-of-the-void.txt"
CHUNK_CHARACTERS = 4_000
PARAGRAPH_SENTENCES = 10
SENTENCE_WORDS = 14


def make_chunks(number: int, seed: int = 1) -> list[str]:
    """Return so many texts of about `CHUNK_CHARACTERS`, in paragraphs of sentences, no two of them alike."""
    chance = random.Random(seed)
    return [_chunk(chance) for _ in range(number)]


def _chunk(chance: random.Random) -> str:
    paragraphs: list[str] = []
    left = CHUNK_CHARACTERS
    while left > 0:
        sentences = (" ".join(chance.choices(_words(), k=SENTENCE_WORDS)) for _ in range(PARAGRAPH_SENTENCES))
        paragraphs.append(" ".join(f"{sentence.capitalize()}." for sentence in sentences)[:left])
        left -= len(paragraphs[-1]) + len("\n\n")
    return "\n\n".join(paragraphs)


@cache
def _words() -> list[str]:
    return re.findall(r"[a-z]+", SAMPLE.read_text().lower())
