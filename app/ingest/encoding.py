"""Bytes to characters, for text files of any encoding."""

import codecs
import re

from charset_normalizer import from_bytes

from app.errors import BinaryDocument, UnknownEncoding

BYTE_ORDER_MARKS = (
    # UTF-32 first: its mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE_BYTES = 64 * 1024  # the detector's time grows with the text
CONTROL_SHARE = 0.02  # of the characters: more control characters than this are not text
CONTROLS = "".join(map(chr, (*range(0x09), *range(0x0E, 0x20), 0x7F)))  # that no text holds
ZERO_SHARE = 0.2  # of the bytes at even or odd places: as many zeros as this are UTF-16 without a mark

_CONTROLS = re.compile(f"[{CONTROLS}]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")


def decode(data: bytes) -> tuple[str, str]:
    """Return the text and the name of its encoding. Raises `BinaryDocument` or `UnknownEncoding`."""
    encoding = _marked(data) or _utf16_without_mark(data)
    if encoding is None:
        if b"\x00" in data:
            raise BinaryDocument
        encoding = "utf-8" if _decodes(data, "utf-8") else _detected(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnknownEncoding(f"It begins like {encoding}, but byte {error.start} does not belong to it.") from error
    if not any(control in text for control in CONTROLS):  # a tenth of the time of looking for them one by one
        return text, encoding
    if len(_CONTROLS.findall(text)) > CONTROL_SHARE * len(text):
        raise BinaryDocument
    return _CONTROLS.sub("", text), encoding


def _marked(data: bytes) -> str | None:
    return next((encoding for mark, encoding in BYTE_ORDER_MARKS if data.startswith(mark)), None)


def _utf16_without_mark(data: bytes) -> str | None:
    sample = data[:SAMPLE_BYTES]
    half = len(sample) // 2
    if not half or len(data) % 2:
        return None
    even, odd = sample[::2].count(0) / half, sample[1::2].count(0) / half
    if odd >= ZERO_SHARE and even < odd / 4:
        return "utf-16-le"
    if even >= ZERO_SHARE and odd < even / 4:
        return "utf-16-be"
    return None


def _detected(data: bytes) -> str:
    """Return the encoding that the bytes most likely are in."""
    # The detector takes Korean legacy text for Johab or Chinese now and then; text that is Hangul throughout when read
    # as CP949 (EUC-KR's superset) is.
    if _decodes(data, "cp949"):
        text = data.decode("cp949")
        foreign = sum(character > "\x7f" for character in text)
        if foreign and len(_HANGUL.findall(text)) >= 0.8 * foreign:
            return "cp949"
    best = from_bytes(data[:SAMPLE_BYTES]).best()
    if best is None:
        raise UnknownEncoding
    return str(best.encoding)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
