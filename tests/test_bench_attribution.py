"""The measure of citations measures: a hit is a hit, each half keeps its own documents, and the tables are printed."""

import json
import subprocess
import sys
from pathlib import Path

from bench.attribution import Asked, area, is_hit, plain_bm25, read_halves, search
from graphs.evidence.citations import Claim, Place

ROOT = Path(__file__).parent.parent
TURNS = ["Anna: We met at noon.", "Ben: The harbour fee rises to forty crowns.", "Anna: Rain fell.", "Ben: We go home."]
SENTENCES = ["The lamp is new.", "Its glass came from Ghent.", "Nobody knows the price.", "It burns oil."]


def write(folder: Path) -> None:
    meetings = [
        {
            "id": f"meeting-{number}",
            "documents": [{"text": "\n".join(TURNS)}],
            "queries": [
                {"reference": "The fee of the harbour rises.", "evidence_turns": [["1", "1"]]},
                {"reference": "It ended."},
            ],
        }
        for number in range(8)
    ]
    papers = [
        {
            "id": f"paper-{number}",
            "documents": [{"text": " ".join(SENTENCES)}],
            "sentences": SENTENCES,
            "queries": [{"reference": "The glass is from Ghent. It burns oil.", "evidence_sentences": [1, 3]}],
        }
        for number in range(8)
    ]
    for name, items in (("qmsum_meetings", meetings), ("aclsum", papers)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))


def test_evidence_is_read_as_spans_and_no_document_is_in_both_halves(tmp_path: Path) -> None:
    write(tmp_path)
    for file, spans in (("qmsum_meetings", [(22, 65)]), ("aclsum", [(17, 43), (68, 81)])):
        halves = read_halves(tmp_path / f"{file}.jsonl")
        ids = [{document.id for document in half.documents} for half in halves]
        assert len(ids[0]) + len(ids[1]) == len(ids[0] | ids[1]) == 8
        assert all(ids)
        assert all(asked.gold == spans for half in halves for asked in half.asked)
        for half in halves:
            claims = [asked.claim for asked in half.asked]
            for find in (search, plain_bm25):
                assert all(
                    is_hit(places[0], one) for places, one in zip(find(half.documents, claims), half.asked, strict=True)
                )


def test_a_place_hits_only_where_it_touches_evidence_of_its_own_document() -> None:
    asked = Asked(Claim("x", "a"), [(10, 20)])
    assert is_hit(Place("a", 19, 30), asked)
    assert not is_hit(Place("a", 20, 30), asked)
    assert not is_hit(Place("b", 10, 20), asked)


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    assert area([1.0, 0.5], [0.0, 0.5]) == 0.875


def test_the_tables_are_printed_and_a_folder_without_data_is_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.attribution", "--data", str(tmp_path)]
    empty = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert empty.returncode == 2
    assert "holds neither aclsum.jsonl nor qmsum_meetings.jsonl" in empty.stderr
    write(tmp_path)
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("plain BM25, one each") == 4
    assert "AUC" in done.stdout
