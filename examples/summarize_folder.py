"""Summarise the text files of a folder with the graph alone: no service, no database.

    python examples/summarize_folder.py samples --length short
    OPENAI_API_KEY=... python examples/summarize_folder.py samples --model openai:gpt-4o-mini --style report

Each sentence is followed by the file and the characters that it rests on.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from graphs.models import EMBEDDED
from graphs.summarize import Context, Document, Documents, Output, graph


def read(folder: Path) -> Documents:
    """Return the text and Markdown files of a folder in UTF-8, by name; those of a folder in it are one source."""
    found = [*folder.glob("*"), *folder.glob("[!.]*/*")]
    documents = Documents()
    for path in sorted(path.relative_to(folder) for path in found if path.suffix in {".txt", ".md"}):
        try:
            text = (folder / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            print(f"passed over, for it is not UTF-8: {path}", file=sys.stderr)  # the service reads any encoding
            continue
        documents.add(Document(str(path), path.stem, text, group="/".join(path.parts[:-1])))
    return documents


def show(output: Output) -> None:
    """Print the summary of all files, a sentence a line with its places, and what was lost."""
    summary = output["summary"]
    for sentence in summary["sentences"] if summary else []:
        places = [f"{place['document']}:{place['start']}-{place['end']}" for place in sentence["citations"]]
        print(f"{sentence['text']}  [{', '.join(places) or 'no source'}]")
    for lost in output["coverage"]["failed"]:
        print(f"not summarised: {lost['document']}:{lost['start']}-{lost['end']} ({lost['error']})")
    print(f"\n{output['status']}, {output['usage']['calls']} calls")


def main() -> None:
    """Read the arguments, summarise, print."""
    parser = argparse.ArgumentParser(description="Summarise the text files of a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--length", choices=["short", "medium", "long"], default="medium")
    parser.add_argument("--style", choices=["paragraph", "bullets", "executive", "dense", "report"], default="bullets")
    options = parser.parse_args()
    context = Context(documents=read(options.folder), model=options.model, length=options.length, style=options.style)
    output: Any = asyncio.run(graph.ainvoke({}, context=context))
    show(output)


if __name__ == "__main__":
    main()
