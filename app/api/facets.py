"""The bodies of facets: what a run gives beside its summaries."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class FacetBody(BaseModel):
    """What all facets have."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    status: Literal["succeeded", "partial", "failed", "unavailable"]
    """`partial`: some of its calls failed, or some documents have none; `unavailable`: the model cannot give it. None
    of these changes the run's own status."""
    error: str | None = Field(default=None, examples=[None])
    """The stable code of what it lacks: of a failed call, `needs_language_model`, `no_summary` or `no_text`."""
    message: str | None = Field(default=None, examples=[None])
    """The same in words."""
    parts: int = Field(examples=[4])
    """The calls that it took."""
    failed_parts: int = Field(examples=[0])
    """Of these, calls that were given up: what they would have found is missing."""


class KeyTerm(BaseModel):
    """A term that tells what the text is about."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    term: str = Field(examples=["harbour of Ansan"])
    """As it stands in the text."""
    weight: float = Field(examples=[1.0])
    """Its importance; the greatest is 1."""
    count: int = Field(examples=[7])
    """How often it stands in the text, counted there."""
    documents: int = Field(examples=[1])
    """In how many of the documents it is a key term."""


class KeyTermsOut(FacetBody):
    """What the text is about, the most important first."""

    facet: Literal["key_terms"]
    """What the other fields are about."""
    items: list[KeyTerm]
    """Empty where nothing was found."""


class Question(BaseModel):
    """A question that the text answers."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    question: str = Field(examples=["When was the harbour opened?"])
    """In the language of the document's summary."""
    document: str = Field(examples=["harbour"])
    """Which document answers it."""


class QuestionsOut(FacetBody):
    """What a reader may want answered, and is, in the order of the text."""

    facet: Literal["questions"]
    """What the other fields are about."""
    items: list[Question]
    """Empty where nothing was found."""


class Entity(BaseModel):
    """Something that the text names."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: str = Field(examples=["Ansan"])
    """As it stands in the text."""
    type: Literal["person", "organisation", "place", "date", "number", "money", "email", "other"]
    """`other`: a name of which the model did not tell what it is."""
    count: int = Field(examples=[3])
    """How often it stands in the text, counted there."""
    documents: int = Field(examples=[1])
    """In how many of the documents it is named."""


class EntitiesOut(FacetBody):
    """What the text names, the most frequent first. The embedded model reads the first two million characters of a
    document; counts are of the whole.
    """

    facet: Literal["entities"]
    """What the other fields are about."""
    items: list[Entity]
    """Empty where nothing was found."""


class Sentiment(BaseModel):
    """The attitude that the text expresses."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    label: Literal["positive", "negative", "neutral", "mixed"]
    """`mixed`: both positive and negative, rather than neither."""
    score: float = Field(examples=[0.4])
    """From -1, negative, to 1, positive: the mean over the text, by words."""


class SentimentOut(FacetBody):
    """The attitude of the text as a whole."""

    facet: Literal["sentiment"]
    """What the other fields are about."""
    value: Sentiment | None
    """Null where there is none."""


class Category(BaseModel):
    """What kind of text it is."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    category: str = Field(examples=["transport"])
    """One of the caller's labels, or a found one."""
    share: float = Field(examples=[0.8])
    """Of the text's words, those of the chunks that belong to it; a chunk may belong to several."""


class CategoriesOut(FacetBody):
    """What the text belongs to, the largest share first."""

    facet: Literal["categories"]
    """What the other fields are about."""
    items: list[Category]
    """Empty where nothing was found."""


class ActionItem(BaseModel):
    """What someone has to do, as the text says."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    action: str = Field(examples=["Close the old pier to traffic"])
    """What is to be done, in the language of the document's summary."""
    who: str | None = Field(examples=["the city"])
    """Null: not said."""
    due: str | None = Field(examples=["2027"])
    """Null: not said."""
    document: str = Field(examples=["harbour"])
    """Which document says it."""


class ActionItemsOut(FacetBody):
    """What is to be done, in the order of the text."""

    facet: Literal["action_items"]
    """What the other fields are about."""
    items: list[ActionItem]
    """Empty where nothing was found."""


class Retold(BaseModel):
    """A text that is made of a summary."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    text: str
    """Markdown."""
    language: str = Field(examples=["ko"])
    """BCP 47 tag."""
    words: int


class TranslationOut(FacetBody):
    """The summary in another language."""

    facet: Literal["translation"]
    """What the other fields are about."""
    value: Retold | None
    """Null where there is none."""


class SynthesisOut(FacetBody):
    """Summary, key terms and questions as one answer."""

    facet: Literal["synthesis"]
    """What the other fields are about."""
    value: Retold | None
    """Null where there is none."""


FacetOut = Annotated[
    KeyTermsOut
    | QuestionsOut
    | EntitiesOut
    | SentimentOut
    | CategoriesOut
    | ActionItemsOut
    | TranslationOut
    | SynthesisOut,
    Field(discriminator="facet"),
]
Facets = dict[str, FacetOut]
