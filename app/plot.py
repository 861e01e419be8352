"""A plot of bars with their intervals, as SVG: small enough to be written by hand."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_ROW, _BAR = 34, 18  # pixels
_LEFT, _WIDTH, _RIGHT, _TOP = 300, 420, 70, 50
_FONT = 'font-family="sans-serif" font-size="14"'
_LONGEST_TITLE = 42  # characters


class Bar(NamedTuple):
    """A value with its interval, in percent."""

    title: str
    value: float
    low: float
    high: float


def draw_bars(heading: str, bars: Sequence[Bar]) -> str:
    """An SVG document: a bar a row, its interval as a line over its end."""
    most = max([bar.high for bar in bars] + [1.0])
    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _ROW * len(bars) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" {_FONT}>',
        f"<title>{escape(heading)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="12" y="26" font-weight="bold">{escape(heading)}</text>',
    ]
    for place, bar in enumerate(bars):
        top = _TOP + _ROW * place
        middle = top + _BAR / 2
        value, low, high = (_LEFT + _WIDTH * share / most for share in (bar.value, bar.low, bar.high))
        title = bar.title if len(bar.title) <= _LONGEST_TITLE else bar.title[: _LONGEST_TITLE - 1] + "…"
        lines += [
            f'<text x="{_LEFT - 10}" y="{top + 14}" text-anchor="end">{escape(title)}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{value - _LEFT:.1f}" height="{_BAR}" fill="#4c78a8"/>',
            f'<path d="M{low:.1f} {middle}H{high:.1f}m0 -5v10M{low:.1f} {middle - 5}v10" stroke="black" fill="none"/>',
            f'<text x="{high + 8:.1f}" y="{top + 14}">{bar.value:.1f}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
