"""From answers to summaries that say what they rest on: attribute, verify, repair.

It works on drafts in memory, in a graph without checkpoints: whatever it asks a model is in the ledger, so after a
crash it is done again for nothing.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Annotated, Any, Literal, NamedTuple

from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from graphs.evidence.citations import Claim, Place, SentenceSearch, Source, Spans
from graphs.evidence.support import AROUND, Support, support_of
from graphs.models.failures import CallFailed
from graphs.summarize.asking import all_of, result_of
from graphs.summarize.checking import Checked, Statement, check, rewrite
from graphs.summarize.context import Context
from graphs.summarize.documents import Document
from graphs.summarize.drafts import MOST_CITATIONS, Draft, DraftSentence, draft_of
from graphs.summarize.state import NO_USAGE, Step, Usage, add_usage
from graphs.summarize.written import Tally, Written
from graphs.text.language import primary

REPAIRS = 2  # rounds
POOR = 0.25  # support below which better places are looked for
BETTER = 0.15  # by which they must be better


class ReviewState(TypedDict):
    """The drafts of a run's summaries, in memory only."""

    drafts: list[Draft]
    repairs: int  # rounds done
    usage: Annotated[Usage, add_usage]


def first_review(drafts: Iterable[Draft]) -> ReviewState:
    """Return the state that a review of a run's drafts starts from."""
    return ReviewState(drafts=list(drafts), repairs=0, usage=NO_USAGE)


class _Spot(NamedTuple):
    """A sentence of a draft."""

    draft: int
    sentence: int


async def measure_ahead(step: Step, written: Written, context: Context) -> None:
    """Measure the summary of a document as soon as it is written, for the review to find it measured."""

    def measure() -> None:
        draft = draft_of(step, result_of(step, written), written.answer, context.documents)
        context.measured[step["id"]] = draft, _measured(draft, context)

    await asyncio.to_thread(measure)


async def attribute(state: ReviewState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Give sentences that cite nothing, or poorly, the places in the sources that share the most words with them."""
    return {"drafts": await asyncio.to_thread(_attributed, state["drafts"], runtime.context)}


async def verify(state: ReviewState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the model whether the doubtful sentences' citations say what they say."""
    context, drafts = runtime.context, state["drafts"]
    tally = Tally()
    asked = [spot for spot in _spots(drafts) if _needs_a_look(drafts[spot.draft].sentences[spot.sentence])]
    found = await all_of(_check(draft, own, drafts, context, tally) for draft, own in _by_draft(asked))
    drafts = list(drafts)
    for spot, checked in chain.from_iterable(found):
        drafts[spot.draft] = drafts[spot.draft].changed(
            spot.sentence, verified=checked.is_supported, remark=checked.remark
        )
    return {"drafts": drafts, "usage": tally.usage}


def repair_or_end(state: ReviewState) -> Literal["repair", "__end__"]:
    """Route: repair while sentences fail, at most twice."""
    fails = any(sentence.verified is False for draft in state["drafts"] for sentence in draft.sentences)
    return "repair" if fails and state["repairs"] < REPAIRS else "__end__"


def verify_or_end(state: ReviewState, runtime: Runtime[Context]) -> Literal["verify", "__end__"]:
    """Route: only `verify: llm` asks a model, and one that quotes needs no asking."""
    asks = runtime.context.verify == "llm" and not all(draft.is_quoted for draft in state["drafts"])
    return "verify" if asks else "__end__"


async def repair(state: ReviewState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Have the sentences that do not hold written anew from what they cite; nothing else is touched. Of one that
    nothing supports the caller has said whether it stays.
    """
    context, drafts = runtime.context, list(state["drafts"])
    tally = Tally()
    failing = [spot for spot in _spots(drafts) if drafts[spot.draft].sentences[spot.sentence].verified is False]
    found = await all_of(_rewrite(draft, own, drafts, context, tally) for draft, own in _by_draft(failing))
    gone: dict[int, set[int]] = {}
    for spot, text in chain.from_iterable(found):
        draft = drafts[spot.draft]
        if text is None:
            if context.unsupported == "remove":
                gone.setdefault(spot.draft, set()).add(spot.sentence)
            continue
        draft = draft.rewritten(spot.sentence, text)
        sentence = draft.sentences[spot.sentence]
        support = _support(draft, sentence, context)
        drafts[spot.draft] = draft.changed(spot.sentence, support=support, verified=None, remark="")
    for place, numbers in gone.items():
        drafts[place] = drafts[place].without(numbers)
    return {"drafts": drafts, "repairs": state["repairs"] + 1, "usage": tally.usage}


# ---------------------------------------------------------------- attribution


def _attributed(drafts: Sequence[Draft], context: Context) -> list[Draft]:
    measured = [_measured(draft, context) for draft in drafts]
    spots = [spot for spot in _spots(measured) if _lacks_places(measured[spot.draft].sentences[spot.sentence])]
    for spot, places in _found(spots, measured, context):
        draft = measured[spot.draft]
        sentence = draft.sentences[spot.sentence]
        better = _better(draft, sentence, places, context)
        if better is not None:
            measured[spot.draft] = draft.changed(spot.sentence, places=better[0], support=better[1])
    return measured


def _found(
    spots: Sequence[_Spot], drafts: Sequence[Draft], context: Context
) -> Iterator[tuple[_Spot, Sequence[Place]]]:
    """Yield each spot with the places in the sources that share the most words with it; of a group's summary, places in
    the documents of that group alone.
    """

    def sentences(source: Source) -> Spans:
        return context.documents.all_sentences(source.id).spans()

    by_group: dict[str, list[_Spot]] = {}
    for spot in spots:
        step = drafts[spot.draft].step
        by_group.setdefault(step.get("group", "") if step["document"] is None else "", []).append(spot)
    members: dict[str, list[Document]] = {}
    for document in context.documents if by_group.keys() - {""} else ():
        members.setdefault(document.group, []).append(document)
    for group, own in by_group.items():
        claims = [_claim(drafts[spot.draft], spot.sentence) for spot in own]
        found = SentenceSearch(members[group] if group else context.documents, sentences).find(claims)
        yield from zip(own, found, strict=True)


def _claim(draft: Draft, number: int) -> Claim:
    neighbours = [place for place in (number - 1, number + 1) if 0 <= place < len(draft.sentences)]
    return Claim(draft.sentence(number), draft.step["document"], " ".join(map(draft.sentence, neighbours)))


def _measured(draft: Draft, context: Context) -> Draft:
    if draft.is_quoted or context.verify == "off":
        return draft
    measured = context.measured.get(draft.step["id"])
    if measured and measured[0] == draft:
        return measured[1]
    for number, sentence in enumerate(draft.sentences):
        draft = draft.changed(number, support=_support(draft, sentence, context))
    return draft


def _lacks_places(sentence: DraftSentence) -> bool:
    return not sentence.places or (sentence.support.share is not None and sentence.support.share < POOR)


def _better(
    draft: Draft, sentence: DraftSentence, found: Sequence[Place], context: Context
) -> tuple[tuple[Place, ...], Support] | None:
    """Return the places that a sentence should cite, those that were found among them, if they support it better."""
    if not found:
        return None
    places = tuple(dict.fromkeys([*sentence.places, *found]))[-MOST_CITATIONS:]
    changed = DraftSentence(sentence.start, sentence.end, places)
    support = _support(draft, changed, context)
    gained = (support.share or 0.0) - (sentence.support.share or 0.0)
    return (places, support) if not sentence.places or gained >= BETTER else None


def _support(draft: Draft, sentence: DraftSentence, context: Context) -> Support:
    if context.verify == "off":
        return Support(None, [])
    language = primary(draft.step["language"])
    same = not sentence.places or any(
        primary(context.documents.language(place.document)) == language for place in sentence.places
    )
    passages = [passage(place, context, around=AROUND) for place in sentence.places]
    words = draft.text[sentence.start : sentence.end]
    return support_of(words, passages, language=language, same_language=same)


def passage(place: Place, context: Context, around: int = 0) -> str:
    """Return what stands at a place, with so many characters before and behind it."""
    return context.documents[place.document].text[max(0, place.start - around) : place.end + around]


# ---------------------------------------------------------------- what a model is asked


def _needs_a_look(sentence: DraftSentence) -> bool:
    """Whether a model is to look at a sentence: it is doubtful, or could not be measured, and was not looked at."""
    return sentence.verified is None and (sentence.support.is_doubtful or sentence.support.share is None)


def _spots(drafts: Sequence[Draft]) -> Iterator[_Spot]:
    for place, draft in enumerate(drafts):
        if not draft.is_quoted:
            yield from (_Spot(place, number) for number in range(len(draft.sentences)))


def _by_draft(spots: Iterable[_Spot]) -> list[tuple[int, list[_Spot]]]:
    by_draft: dict[int, list[_Spot]] = {}
    for spot in spots:
        by_draft.setdefault(spot.draft, []).append(spot)
    return list(by_draft.items())


def _statement(spot: _Spot, drafts: Sequence[Draft], context: Context) -> Statement:
    draft = drafts[spot.draft]
    sentence = draft.sentences[spot.sentence]
    passages = [" ".join(passage(place, context).split()) for place in sentence.places]
    return Statement(draft.sentence(spot.sentence), passages, sentence.remark)


async def _check(
    draft: int, spots: list[_Spot], drafts: Sequence[Draft], context: Context, tally: Tally
) -> list[tuple[_Spot, Checked]]:
    statements = [_statement(spot, drafts, context) for spot in spots]
    try:
        return list(zip(spots, await check(statements, drafts[draft].step, context, tally), strict=True))
    except CallFailed:  # the summary stands as it is, and says that nobody has looked
        return []


async def _rewrite(
    draft: int, spots: list[_Spot], drafts: Sequence[Draft], context: Context, tally: Tally
) -> list[tuple[_Spot, str | None]]:
    statements = [_statement(spot, drafts, context) for spot in spots]
    try:
        return list(zip(spots, await rewrite(statements, drafts[draft].step, context, tally), strict=True))
    except CallFailed:
        return []
