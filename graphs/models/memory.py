"""How much memory this process may still take: its control group's, where there is one, else the machine's.

Reading a few files of the kernel says it; nothing is collected or freed here. Who asks holds back new work while the
memory is tight.
"""

import os
import time
from pathlib import Path

HIGH = 0.85  # of the limit: from here on no new model call starts ...
LOW = 0.75  # ... until it has fallen below this
FULL = 0.92  # of the limit: from here on no new run is accepted
SAMPLE_SECONDS = 0.25  # between two looks

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_GROUPS = (
    # (limit, use, statistics, what of the use the kernel can take back at any time)
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)


class MemoryGuard:
    """Watches memory with hysteresis: tight above `HIGH` until below `LOW`."""

    def __init__(self, limit_bytes: int | None = None, root: Path = Path("/sys/fs/cgroup")) -> None:
        self._root = root
        self._group = next((group for group in _GROUPS if self._number(group[0]) is not None), None)
        machine = _machine_bytes()
        stated = [bytes for bytes in (limit_bytes, self._group_limit(), machine) if bytes]
        self.limit_bytes: int | None = min(stated, default=None)
        # A limit that is not the group's is about this process alone.
        self._is_group = self.limit_bytes is not None and self.limit_bytes == self._group_limit()
        self._is_tight = False
        self._share = 0.0
        self._looked_at = -SAMPLE_SECONDS  # monotonic seconds

    @property
    def share(self) -> float:
        """The share of the limit that is in use; 0 where no limit is known."""
        if self.limit_bytes is not None and time.monotonic() - self._looked_at >= SAMPLE_SECONDS:
            self._looked_at = time.monotonic()
            self._share = self._used_bytes() / self.limit_bytes
        return self._share

    def is_tight(self) -> bool:
        """Whether new calls should wait."""
        self._is_tight = self.share >= (LOW if self._is_tight else HIGH)
        return self._is_tight

    def is_full(self) -> bool:
        """Whether new runs should be refused."""
        return self.share >= FULL

    def _used_bytes(self) -> int:
        if self._is_group and self._group is not None:
            _, use, statistics, reclaimable = self._group
            return (self._number(use) or 0) - self._statistic(statistics, reclaimable)
        try:
            return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
        except (OSError, ValueError, IndexError):
            return 0

    def _group_limit(self) -> int | None:
        return self._number(self._group[0]) if self._group else None

    def _number(self, name: str) -> int | None:
        try:
            return int((self._root / name).read_text())  # "max" where there is no limit
        except (OSError, ValueError):
            return None

    def _statistic(self, name: str, wanted: str) -> int:
        try:
            lines = (self._root / name).read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith(f"{wanted} ")), 0)


def _machine_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES
    except (AttributeError, ValueError, OSError):
        return None
