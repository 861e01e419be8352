"""The documents of a run: their texts."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.dependencies import ExistingRun, ServicesDep
from app.api.problems import problems
from app.api.schemas import Body
from app.errors import DocumentNotFound, InvalidFields, RunNotFound
from app.store import runs

router = APIRouter(prefix="/v1/runs", tags=["runs"])

LONGEST_PASSAGE = 100_000  # characters of one answer


class PageOut(Body):
    """A page of a document."""

    page: int
    """Its number, from 1."""
    start: int
    """Its first character in the document's text."""


class PassageOut(Body):
    """A passage of a document's text."""

    document: str
    title: str
    characters: int
    """Of the whole text."""
    start: int
    """Its first character."""
    end: int
    """The character behind its last; less than was asked for where the text ends, or the answer would be too long."""
    text: str
    pages: list[PageOut]
    """The pages that it touches; empty where a document has none."""


@router.get(
    "/{run_id}/text",
    summary="Read a passage of a document",
    responses=problems(RunNotFound, DocumentNotFound, InvalidFields),
)
async def get_text(
    run: ExistingRun,
    services: ServicesDep,
    document: Annotated[str, Query(max_length=300, description="The document's id.", examples=["harbour"])],
    start: Annotated[int, Query(ge=0, lt=2**31, description="The first character.", examples=[0])] = 0,
    end: Annotated[
        int | None, Query(ge=0, lt=2**31, description="The character behind the last.", examples=[200])
    ] = None,
) -> PassageOut:
    """Return a document's text, or a passage of it such as a citation points to, with its pages. One answer holds at
    most 100,000 characters.

    The id is a parameter, not a part of the path: it is a file's name as often as not, and such names hold anything.
    """
    last = start + LONGEST_PASSAGE
    passage = await runs.passage(services.database, run.id, document, start, last if end is None else min(end, last))
    until = start + len(passage.text)
    starts = passage.pages
    pages = [
        PageOut(page=number, start=begin)
        for number, (begin, behind) in enumerate(zip(starts, [*starts[1:], passage.characters + 1], strict=False), 1)
        if behind > start and begin < max(until, start + 1)
    ]
    return PassageOut(
        document=document,
        title=passage.title,
        characters=passage.characters,
        start=start,
        end=until,
        text=passage.text,
        pages=pages,
    )
