"""Which language a text is in, and how to name a language in a prompt."""

import re

import py3langid

SAMPLE_CHARACTERS = 4_000  # the identifier's time grows with the text; this much decides
SCRIPTS = (
    # A script that only one living language uses decides by itself, also in a sentence too short for statistics.
    ("ko", re.compile(r"[\uac00-\ud7a3]")),
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
)
LEAST_LETTERS = 20  # in fewer the identifier finds any language
DEFAULT = "en"
SCRIPT_SHARE = 0.2  # of the letters
# Words that English alone has, and so often that a page of it is told without the identifier and its 70 MB of memory.
ENGLISH = frozenset(["the", "and", "that", "with", "from", "this", "which", "were", "their", "have"])
ENGLISH_SHARE = 0.07  # of the words
ENGLISH_WORDS = 50  # in fewer, a title or a quotation may weigh too much
_NO_LETTER_ASCII = {code: None for code in range(128) if not chr(code).isalpha()}
SAME = {
    "nb": "no", "nn": "no", "iw": "he", "in": "id",
    # What the identifier finds in short texts of the standard language; "zxx" is what it calls no language at all.
    "ary": "ar", "arz": "ar", "wuu": "zh", "yue": "zh", "hbo": "he", "grc": "el", "sdh": "ku", "uzs": "uz",
    "zxx": DEFAULT,
}  # fmt: skip
"""Codes of one language, and the one that stands for it."""
NAMES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian",
    "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of the text's language; `en` where there are too few letters to judge by."""
    sample = _sample(text)
    letters = _letters(sample)
    if not letters:
        return DEFAULT
    if not sample.isascii():
        for code, script in SCRIPTS:
            if len(script.findall(sample)) >= SCRIPT_SHARE * letters:
                return code
    if letters < LEAST_LETTERS or _is_plainly_english(sample):
        return DEFAULT
    code, _ = py3langid.classify(sample)
    return str(SAME.get(code, code))


def _is_plainly_english(text: str) -> bool:
    words = text.lower().split()
    return len(words) >= ENGLISH_WORDS and sum(map(ENGLISH.__contains__, words)) >= ENGLISH_SHARE * len(words)


def _letters(text: str) -> int:
    if text.isascii():
        return len(text.translate(_NO_LETTER_ASCII))
    return sum(map(str.isalpha, text))


def primary(tag: str) -> str:
    """Return the language of a BCP 47 tag without its script and region; of two codes of one language, the one that
    `detect_language` gives.
    """
    code = tag.split("-", maxsplit=1)[0].lower()
    return SAME.get(code, code)


def language_name(tag: str) -> str:
    """Return the English name of a BCP 47 tag, with the tag; the tag alone where the name is not known."""
    name = NAMES.get(primary(tag))
    return f"{name} ({tag})" if name else tag


def _sample(text: str) -> str:
    if len(text) <= SAMPLE_CHARACTERS:
        return text
    middle = len(text) // 2
    half = SAMPLE_CHARACTERS // 2
    return text[:half] + " " + text[middle : middle + half]
