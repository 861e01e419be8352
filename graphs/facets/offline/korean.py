"""Korean words without their particles, by rules of sound and by what else stands in the text."""

import re
from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

_HANGUL = re.compile("[\uac00-\ud7a3]+")
_EOJEOL = re.compile("[\uac00-\ud7a3]+")

# Particles by the sound before them (Standard Korean grammar): after a final consonant, after a vowel, after either.
_AFTER_CONSONANT = (
    "은",
    "을",
    "이",
    "과",
    "으로",
    "이나",
    "이라는",
    "이라고",
    "이란",
    "이며",
    "이고",
    "으로서",
    "으로써",
    "으로는",
    "으로도",
    "이다",
    "이었다",
)
_AFTER_VOWEL = ("는", "를", "가", "와", "로", "나", "라는", "라고", "란", "며", "로서", "로써", "로는", "로도", "였다")
_AFTER_EITHER = (
    *("의", "에", "도", "만", "에서", "에게", "에는", "에도", "에서는", "에서도", "에게는", "까지", "부터", "보다"),
    *("처럼", "마다", "에의", "으로부터", "에게서", "에서의", "으로의", "에만", "이나마", "조차", "뿐", "들", "들은"),
    *("들을", "들이", "들의", "들에게", "들과"),
)  # fmt: skip
_SURE = frozenset(
    (
        "은",
        "는",
        "을",
        "를",
        "에",
        "에서",
        "에게",
        "에는",
        "에도",
        "에서는",
        "에서도",
        "에게는",
        "까지",
        "부터",
        "처럼",
        "으로",
        "들은",
        "들을",
        "들이",
    )
)
"""Particles that seldom are the end of a noun: they are taken off although nothing else in the text confirms it."""

_PARTICLES = sorted({*_AFTER_CONSONANT, *_AFTER_VOWEL, *_AFTER_EITHER}, key=lambda particle: (-len(particle), particle))
_VERBAL = re.compile(
    r"(?:(?<!바)(?<!캐나)다(?:는|며|고|면)?|만[드든들]|만드는|만들어|가진|열린|나온|받은|높은|낮은|많은|작은|새로운|까|[세어아해에네군지]요|죠|[^사광보재신창금최경원]고|[하되있없않같]며|하여|해서|하지|하게|하면|하는|하던|하기|하고|한다|할|(?<![남북])한|함"
    r"|되어|되는|되지|되면|된다|된|될|됨|있는|없는|있어|없이|않은|않는|않고|같은|같이|위한|위해|대한|대해|따른|따라|통한|통해|관한|인한"
    r"|[왔갔났됐했었았였겠]던|[왔갔났됐했었았였겠]고|[왔갔났됐했었았였겠]지만|지만|면서|려고|도록|으며|는데|은데|니까)$"
)
_RIEUL = 8  # the final consonant ㄹ, behind which 로 and not 으로 stands


def is_hangul(word: str) -> bool:
    """Tell whether a word is written in Hangul alone."""
    return _HANGUL.fullmatch(word) is not None


class Stems:
    """The nouns of Korean texts: what stands before a particle is one if it stands there in another form too."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._forms: Counter[str] = Counter()
        for text in texts:
            self._forms.update(_EOJEOL.findall(text))
        self._endings: dict[str, set[str]] = {}
        for form in self._forms:
            self._endings.setdefault(form, set()).add("")
            for stem, particle in _splits(form):
                self._endings.setdefault(stem, set()).add(particle)
        self._known: dict[str, str] = {}

    def of(self, word: str) -> str:
        """Return a word without its particle, or as it is."""
        if word not in self._known:
            self._known[word] = self._stem(word)
        return self._known[word]

    @staticmethod
    def is_verbal(word: str) -> bool:
        """Tell whether a word has the ending of a verb, an adjective or a clause."""
        return _VERBAL.search(word) is not None

    @staticmethod
    def is_inflected(word: str, stems: AbstractSet[str]) -> bool:
        """Tell whether a word is one of some stems with a particle behind it."""
        return any(stem in stems for stem, _ in _splits(word))

    def _stem(self, word: str) -> str:
        for stem, particle in _splits(word):
            if particle in _SURE or (len(stem) > 1 and len(self._endings.get(stem, ())) > 1):
                return stem
        return word


def _splits(word: str) -> Iterable[tuple[str, str]]:
    """Yield the ways to divide a word into a stem and a particle that fits its last sound, longest particle first."""
    for particle in _PARTICLES:
        stem = word.removesuffix(particle)
        if stem and stem != word and _fits(stem, particle):
            yield stem, particle


def _fits(stem: str, particle: str) -> bool:
    final = (ord(stem[-1]) - 0xAC00) % 28 if "\uac00" <= stem[-1] <= "\ud7a3" else 0
    if particle in ("로", "로서", "로써", "로는", "로도"):
        return final in (0, _RIEUL)
    if particle in ("으로", "으로서", "으로써", "으로는", "으로도", "으로부터", "으로의"):
        return final not in (0, _RIEUL)
    if particle in _AFTER_CONSONANT:
        return final != 0
    if particle in _AFTER_VOWEL:
        return final == 0
    return True
