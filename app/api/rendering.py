"""A run's summaries as one Markdown or HTML document.

Titles and summaries come from documents, which are hostile: in Markdown they are escaped, in HTML nothing but plain
formatting is let through.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.api.facets import (
    ActionItemsOut,
    CategoriesOut,
    EntitiesOut,
    FacetOut,
    Facets,
    KeyTermsOut,
    QuestionsOut,
    SentimentOut,
    SynthesisOut,
    TranslationOut,
)
from app.api.footnotes import Citations, Footnotes
from app.api.schemas import DocumentOut, GroupOut, RunOut, SentenceOut, SummaryOut
from app.api.titles import one_line

# What begins something else than text: also a character reference, and a line of tildes that begins code.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~]|&(?=#?\w+;))")
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable(
    ["image", "link", "autolink", "html_block", "html_inline", "reference"]
)
_STYLE = (
    "body{font:1rem/1.6 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h1,h2,h3{line-height:1.25}"
)
_HEAD = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    f"<title>Summary</title><style>{_STYLE}</style>"
)


def render_markdown(run: RunOut, citations: Citations = "none") -> str:
    """Return the summaries as Markdown: the batch's, each group's, each document's; then the sources, if footnotes are
    asked for.
    """
    run = run.model_copy(update={"documents": _told_apart(run.documents)})
    notes = Footnotes(run.documents, escape, are_wanted=citations == "footnotes")
    parts = ["# Summary"]
    if run.summary:
        is_one_text = len(run.documents) == 1 or run.options.style == "report"
        quoted = [] if is_one_text else _by_document(run.summary)
        parts.append(_by_source(run, quoted, notes) if quoted else notes.summary(run.summary))
    parts += _remarks(run)
    if len(run.documents) > 1 or run.summary:
        parts += map(notes.plain, _facets(run.facets, "##"))
    parts += _groups(run, notes)
    if len(run.documents) > 1 or not run.summary:
        is_said = bool(run.summary and run.summary.degraded)
        for document in run.documents:
            if run.summary and run.options.scope == "batch" and not (document.error or document.facets):
                continue  # its summary was not asked for
            parts += [f"## {escape(document.title)}", _body(document, notes)]
            parts += [] if is_said else _weakness(document.summary)
            parts += map(notes.plain, _facets(document.facets, "###"))
    return "\n\n".join([*parts, *notes.sources()]) + "\n"


def render_html(run: RunOut, citations: Citations = "none") -> str:
    """Return the summaries as an HTML page without scripts, pictures and links."""
    language = html.escape(run.summary.language if run.summary else "en", quote=True)
    tokens = _MARKDOWN.parse(render_markdown(run, citations))
    for token in tokens:
        if token.level == 0 and token.nesting == 1:
            token.attrSet("dir", "auto")  # Arabic and Hebrew run from the right
    body = str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))
    return f'<!doctype html>\n<html lang="{language}"><head>{_HEAD}</head><body>\n{body}</body></html>\n'


def parse(markdown: str) -> list[Token]:
    """Return the blocks of a Markdown text, of which nothing but plain formatting is one."""
    return _MARKDOWN.parse(markdown)


def escape(text: str) -> str:
    """Return a line in which no character is taken for Markdown."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _told_apart(documents: Sequence[DocumentOut]) -> list[DocumentOut]:
    """Return documents of which those of equal titles are called by their ids, or have them behind their titles."""
    often = Counter(document.title for document in documents)
    told = []
    for document in documents:
        id = one_line(document.id)
        name = id if document.title in id else f"{document.title} ({id})"
        is_alone = often[document.title] == 1
        told.append(document if is_alone else document.model_copy(update={"title": name}))
    return told


def _by_document(summary: SummaryOut) -> list[tuple[str, SummaryOut]]:
    """Return a summary whose every sentence stands in a source word for word, as the embedded model's do, in parts of
    one document each, with its id; nothing of any other summary.
    """
    parts: list[tuple[str, SummaryOut]] = []
    at = 0
    for id, group in groupby(summary.sentences, key=_quoted_document):
        if id is None:
            return []
        sentences = list(group)
        begin = -1
        for sentence in sentences:
            start = summary.text.find(sentence.text, at)
            if start < 0:
                return []
            if begin < 0:
                begin = max(at, summary.text.rfind("\n", 0, start) + 1)  # with the mark of a list item
            at = start + len(sentence.text)
        parts.append((id, summary.model_copy(update={"text": summary.text[begin:at], "sentences": sentences})))
    return parts


def _quoted_document(sentence: SentenceOut) -> str | None:
    """Return the document in which a sentence stands word for word; None where it cites none so, or several places."""
    if len(sentence.citations) != 1:
        return None
    (citation,) = sentence.citations
    return citation.document if " ".join(citation.quote.split()) == sentence.text else None


def _by_source(run: RunOut, quoted: Iterable[tuple[str, SummaryOut]], notes: Footnotes) -> str:
    """Return a quoted summary as one paragraph or list a document, behind its title."""
    titles = {document.id: document.title for document in run.documents}
    parts = []
    for id, part in quoted:
        gap = "\n\n" if part.text.startswith("- ") else " "
        parts.append(f"**{escape(titles[id])}:**{gap}{notes.summary(part)}")
    return "\n\n".join(parts)


def _body(document: DocumentOut, notes: Footnotes) -> str:
    if document.error:
        detail = f" {document.error.detail}" if document.error.detail else ""
        return f"*Not summarised: {escape(document.error.title + detail)}*"
    if document.summary:
        return notes.summary(document.summary)
    return "*No summary was asked for, or nothing in the document has to do with the focus.*"


def _groups(run: RunOut, notes: Footnotes) -> list[str]:
    """Return each group's summary under its label, but for what is said elsewhere: in the sections of a report, and as
    the summary of the group's only document.
    """
    if run.summary and run.options.style == "report":
        return []
    parts = []
    for group in run.groups:
        if len(group.documents) > 1 or run.options.scope == "batch":
            count = "1 document" if len(group.documents) == 1 else f"{len(group.documents):,} documents"
            parts += [f"## {escape(group.name)} ({count})", _group_body(group, notes)]
    return parts


def _group_body(group: GroupOut, notes: Footnotes) -> str:
    if group.summary:
        return notes.summary(group.summary)
    if group.status == "failed":
        return "*No summary of these documents could be written.*"
    return "*Nothing in these documents has to do with the focus.*"


def _remarks(run: RunOut) -> list[str]:
    """Return what a reader must know of a summary that lacks something."""
    lacks = [f"*{escape(run.error.title)} {escape(run.error.detail or '')}*"] if run.error else []
    return lacks + _weakness(run.summary)


def _weakness(summary: SummaryOut | None) -> list[str]:
    """Return the remark on a summary of what quoting does not suit."""
    return [f"*{_WEAKNESSES.get(summary.degraded, _WEAK)}*"] if summary and summary.degraded else []


_WEAK = "Quoting does poorly here: a language model does better."
_WEAKNESSES = {
    "long_conversation": "Few sentences of a long conversation say what it came to, so quoting them does poorly here: "
    "a language model does better."
}

_HEADINGS = {
    "key_terms": "Key terms",
    "questions": "Questions",
    "entities": "Names and numbers",
    "sentiment": "Sentiment",
    "categories": "Categories",
    "action_items": "Action items",
    "translation": "Translation",
    "synthesis": "Synthesis",
}


def _facets(facets: Facets, level: str) -> list[str]:
    """Return each facet under a heading of its own, with what it lacks."""
    parts = []
    for facet in facets.values():
        language = f" ({facet.value.language})" if isinstance(facet, TranslationOut) and facet.value else ""
        parts.append(f"{level} {escape(_HEADINGS[facet.facet] + language)}")
        parts += [body for body in (_facet(facet),) if body]
        if facet.message:
            parts.append(f"*{escape(facet.message)}*")
    return parts


def _facet(facet: FacetOut) -> str:
    """Return what a facet holds; "" where it holds nothing."""
    match facet:
        case TranslationOut() | SynthesisOut():
            return facet.value.text if facet.value else ""
        case SentimentOut():
            return f"{facet.value.label} ({facet.value.score:+.2f})" if facet.value else ""
        case KeyTermsOut():
            return _list(facet, [", ".join(f"{escape(item.term)} ({item.count}×)" for item in facet.items)])
        case EntitiesOut():
            of_type: dict[str, list[str]] = {}
            for item in facet.items:
                of_type.setdefault(item.type, []).append(f"{escape(item.name)} ({item.count}×)")
            return _list(facet, (f"{type}: {', '.join(names)}" for type, names in of_type.items()))
        case CategoriesOut():
            return _list(facet, (f"{escape(item.category)} ({item.share:.0%})" for item in facet.items))
        case QuestionsOut():
            return _list(facet, (escape(item.question) for item in facet.items))
        case ActionItemsOut():
            said = [[text for text in (item.action, item.who, item.due) if text] for item in facet.items]
            return _list(facet, (escape(", ".join(texts)) for texts in said))


def _list(facet: FacetOut, lines: Iterable[str]) -> str:
    nothing = "None." if facet.status in ("succeeded", "partial") else ""
    return "\n".join(f"- {line}" for line in lines if line) or nothing
