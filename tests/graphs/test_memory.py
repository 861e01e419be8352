"""The memory guard: a control group's limit of either version, the machine's or the operator's, with hysteresis."""

from pathlib import Path

import pytest

from graphs.models import MemoryGuard
from graphs.models import memory as module

MEGABYTE = 1024 * 1024
UNLIMITED_V1 = 9_223_372_036_854_771_712


class Group:
    """A control group in a folder."""

    def __init__(self, root: Path, version: int, limit: int | str) -> None:
        self.root, self.version = root, version
        if version == 1:
            (root / "memory").mkdir()
        self.write("memory.max", "memory/memory.limit_in_bytes", str(limit))
        self.use(0)

    def write(self, new: str, old: str, text: str) -> None:
        (self.root / (new if self.version == 2 else old)).write_text(f"{text}\n")

    def use(self, megabytes: float, reclaimable: float = 0.0) -> None:
        name = "inactive_file" if self.version == 2 else "total_inactive_file"
        statistic = f"anon 5\n{name} {int(reclaimable * MEGABYTE)}\nslab 7"
        self.write("memory.current", "memory/memory.usage_in_bytes", str(int((megabytes + reclaimable) * MEGABYTE)))
        self.write("memory.stat", "memory/memory.stat", statistic)


@pytest.fixture(autouse=True)
def no_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE_SECONDS", 0.0)


@pytest.mark.parametrize("version", [1, 2])
def test_memory_is_tight_above_the_high_mark_until_below_the_low_one(version: int, tmp_path: Path) -> None:
    group = Group(tmp_path, version, 100 * MEGABYTE)
    guard = MemoryGuard(root=tmp_path)
    assert guard.limit_bytes == 100 * MEGABYTE
    seen = []
    for megabytes in (50, 84, 86, 80, 76, 74, 80, 84, 91, 93, 10):
        group.use(megabytes)
        seen.append((guard.is_tight(), guard.is_full()))
    assert [tight for tight, _ in seen] == [False, False, True, True, True, False, False, False, True, True, False]
    assert [full for _, full in seen] == [False] * 9 + [True, False]


@pytest.mark.parametrize("version", [1, 2])
def test_what_the_kernel_can_take_back_is_not_in_use(version: int, tmp_path: Path) -> None:
    group = Group(tmp_path, version, 100 * MEGABYTE)
    guard = MemoryGuard(root=tmp_path)
    group.use(50, reclaimable=45)
    assert guard.share == pytest.approx(0.5)
    assert not guard.is_tight()


@pytest.mark.parametrize(("version", "limit"), [(1, UNLIMITED_V1), (2, "max")])
def test_a_group_without_a_limit_leaves_the_machines(version: int, limit: int | str, tmp_path: Path) -> None:
    Group(tmp_path, version, limit).use(10**9)
    guard = MemoryGuard(root=tmp_path)
    assert guard.limit_bytes is not None
    assert guard.limit_bytes < 2**50
    assert 0 < guard.share < 1  # of this process, not of the group


def test_without_a_group_the_machine_is_the_limit(tmp_path: Path) -> None:
    guard = MemoryGuard(root=tmp_path / "none")
    assert guard.limit_bytes is not None
    assert 0 < guard.share < 1


def test_the_operators_limit_is_about_this_process_alone(tmp_path: Path) -> None:
    Group(tmp_path, 2, 100 * MEGABYTE).use(99)
    assert MemoryGuard(10**12, root=tmp_path).limit_bytes == 100 * MEGABYTE  # the lower one counts
    guard = MemoryGuard(MEGABYTE, root=tmp_path)
    assert guard.limit_bytes == MEGABYTE
    assert guard.share > 1  # no Python is that small
    assert guard.is_tight()
    assert guard.is_full()


def test_the_kernel_is_not_asked_at_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE_SECONDS", 3_600.0)
    group = Group(tmp_path, 2, 100 * MEGABYTE)
    group.use(50)
    guard = MemoryGuard(root=tmp_path)
    assert guard.share == 0.5
    group.use(99)
    assert guard.share == 0.5


@pytest.mark.parametrize("broken", ["memory.current", "memory.stat"])
def test_files_that_cannot_be_read_stop_nothing(broken: str, tmp_path: Path) -> None:
    Group(tmp_path, 2, 100 * MEGABYTE).use(10)
    guard = MemoryGuard(root=tmp_path)
    (tmp_path / broken).unlink()
    assert not guard.is_full()
