"""The API as its clients meet it: real requests to a real process. Here: the documents that they send."""

import zlib
from collections.abc import Sequence

ENGLISH = (
    "The harbour of Ansan was opened to ships in 1923. In its first year it took in forty vessels, most of them "
    "fishing boats from the islands. A second pier followed in 1931, after the storm of 1929 had destroyed the first "
    "one. Today the harbour serves two ferry lines and a small fleet of research ships."
)
KOREAN = (
    "안산 항구는 1923년에 문을 열었다. 첫해에는 배 마흔 척이 들어왔고, 대부분은 섬에서 온 어선이었다. "
    "1929년 폭풍이 첫 부두를 무너뜨린 뒤 1931년에 두 번째 부두가 세워졌다. "
    "오늘날 항구에는 여객선 항로 두 개와 작은 연구선단이 있다."
)
PROBLEM = "urn:precis:problem:"
WAIT = {"Prefer": "wait=50"}


def chapters(number: int, about: str) -> str:
    """A text of so many chunks at 200 tokens; `about` makes it one that the ledger has not seen."""
    return "\n\n".join(
        f"Chapter {chapter} of {about}. "
        + " ".join(
            f"In week {chapter * 10 + week} the keeper of {about} counted {chapter * 7 + week * 3} ships in the "
            f"harbour and wrote their names into book {week} of that year."
            for week in range(1, 8)
        )
        for chapter in range(1, number + 1)
    )


def write_pdf(pages: Sequence[str], *, title: str = "", trailer: str = "") -> bytes:
    """A PDF with a page for each text, of which every line is drawn as one."""
    return assemble_pdf([_page_content(page) for page in pages], title=title, trailer=trailer)


def write_encrypted_pdf() -> bytes:
    """A PDF whose password nobody knows: no key opens what its dictionary was made from."""
    return write_pdf(
        [ENGLISH], trailer=f"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{'a5' * 32}>/U<{'5a' * 32}>>>/ID[<00><00>]"
    )


def write_pdf_bomb() -> bytes:
    """A PDF of a few kilobytes whose only page draws hundreds of millions of letters."""
    letters = b"BT /F1 9 Tf 1 0 0 1 72 72 Tm (abcdefgh) Tj ET\n" * 20_000
    squeezer = zlib.compressobj(9)
    content = b"".join(squeezer.compress(letters) for _ in range(400)) + squeezer.flush()
    return assemble_pdf([zlib.compress(content, 9)], filters="/Filter[/FlateDecode/FlateDecode]")


def assemble_pdf(contents: Sequence[bytes], *, title: str = "", trailer: str = "", filters: str = "") -> bytes:
    """A PDF with a page for each content stream."""
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(len(contents)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(contents)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        f"<</Title <{(chr(0xFEFF) + title).encode('utf-16-be').hex()}>>>".encode(),
    ]
    for number, content in enumerate(contents):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>"
            % (6 + 2 * number)
        )
        objects.append(b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(content), filters.encode(), content))
    written = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = f"trailer\n<</Size {len(objects) + 1}/Root 1 0 R/Info 4 0 R{trailer}>>\nstartxref\n{len(written)}\n%%EOF\n"
    return written + head + table + end.encode()


def _page_content(text: str) -> bytes:
    lines = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in text.split("\n")]
    shown = "".join(f"({line}) Tj T* " for line in lines)
    return f"BT /F1 10 Tf 14 TL 72 720 Td {shown}ET".encode("cp1252")
