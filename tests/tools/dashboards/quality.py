"""Did answers change: refusals, lengths and times, by version and prompt."""

from __future__ import annotations

from typing import Final

from tests.tools.dashboards.grafana import Dashboard, Panel, Query, Row, Unit, Variable
from tests.tools.dashboards.queries import (
    BY_VERSION,
    DECLINES,
    VERSION,
    VERSIONS,
    mean,
    quantile,
    rate,
    selector,
    share,
    with_prompt,
)

_NAME: Final = "{{model}}/{{version}}"
_ENDED_EARLY: Final = f'{VERSIONS}, outcome=~"aborted|cut|upstream_error"'


def _by_prompt(expr: str) -> list[Query]:
    return [Query(with_prompt(expr), VERSION)]


def _against_the_day_before(title: str, about: str, recorded: str, unit: Unit) -> Panel:
    def query(window: str, legend: str) -> Query:
        return Query(selector(f"model_version:{recorded}:{window}", VERSIONS), legend)

    about = (
        f"{about} From the recording rules; the day before is the whole model's for a version of the last six hours."
    )
    return Panel(title, about, [query("15m", _NAME), query("day_before", f"{_NAME}, the day before")], unit, width=12)


_ANSWERS = Row(
    "Answers, by version and prompt",
    [
        Panel(
            "Refusals",
            "Share of answers in which the model declines. Higher for one version: compare its prompt and weights with"
            " the others before it gets more traffic.",
            _by_prompt(
                share("llm_refusal_total", "llm_answers_total", BY_VERSION, f"{VERSIONS}, {DECLINES}", VERSIONS)
            ),
            unit="percentunit",
            width=12,
        ),
        Panel(
            "Refusals by kind",
            "Answers that do not do what was asked, as a share of all. lacks_access: the model needs a tool or a"
            " document. redirects: it sends users elsewhere. rejects_premise: it corrects them. partial: it does a"
            " part.",
            [
                Query(
                    f"{rate('llm_refusal_total', 'model, version, kind', VERSIONS)}"
                    f" / on (model, version) group_left () {rate('llm_answers_total', 'model, version', VERSIONS)}",
                    f"{_NAME} {{{{kind}}}}",
                )
            ],
            unit="percentunit",
            width=12,
        ),
        Panel(
            "Length of answers",
            "Mean tokens of a response. A shift without a new prompt: another max_tokens, chat template, or other"
            " users.",
            _by_prompt(mean("llm_response_tokens", BY_VERSION, VERSIONS)),
            width=12,
        ),
        Panel(
            "Length of answers, spread",
            "Median and 90th percentile. A 90th percentile that stands still: answers are cut by max_tokens.",
            [
                Query(quantile(0.5, "llm_response_tokens", "model, version", VERSIONS), f"{_NAME} p50"),
                Query(quantile(0.9, "llm_response_tokens", "model, version", VERSIONS), f"{_NAME} p90"),
            ],
        ),
        Panel(
            "Completed answers",
            "How much the other panels rest on: of few answers, a share says little.",
            _by_prompt(rate("llm_answers_total", BY_VERSION, VERSIONS)),
            unit="cps",
            stacked=True,
        ),
        Panel(
            "Answers that did not end",
            "Share of exchanges that the client left (aborted), that a guard or limit cut, or that the model server"
            " failed. aborted rises with the time to the first token.",
            [
                Query(
                    f"{rate('llm_requests_total', 'model, version, outcome', _ENDED_EARLY)}"
                    f" / on (model, version) group_left () {rate('llm_requests_total', 'model, version', VERSIONS)}",
                    f"{_NAME} {{{{outcome}}}}",
                )
            ],
            unit="percentunit",
        ),
    ],
)

_TIMES = Row(
    "Times",
    [
        Panel(
            "Time to first token (p50, p95)",
            "From the request to the first text of a stream. p95 alone is late: long prompts or a queue. Both: the"
            " model"
            " server has too many requests.",
            [
                Query(quantile(0.5, "llm_time_to_first_token_seconds", "model, version", VERSIONS), f"{_NAME} p50"),
                Query(quantile(0.95, "llm_time_to_first_token_seconds", "model, version", VERSIONS), f"{_NAME} p95"),
            ],
            unit="s",
        ),
        Panel(
            "Time per output token",
            "Mean of streams. It rises with the batch of the model server; a step after a rollout is the new version.",
            _by_prompt(mean("llm_time_per_output_token_seconds", BY_VERSION, VERSIONS)),
            unit="s",
        ),
        Panel(
            "Time of a request (p95)",
            "From the request to the end of the response: the time to the first token, and the length.",
            [Query(quantile(0.95, "llm_request_duration_seconds", "model, version", VERSIONS), f"{_NAME} p95")],
            unit="s",
        ),
    ],
)

_AGAINST = Row(
    "Against the day before",
    [
        _against_the_day_before(
            "Refusals",
            "What LlmExtprocRefusalSpike compares.",
            "llm_refusals_per_answer",
            "percentunit",
        ),
        _against_the_day_before(
            "Length of answers", "What LlmExtprocLengthShift compares.", "llm_response_tokens_mean", "short"
        ),
        _against_the_day_before(
            "Time per output token",
            "What LlmExtprocTimePerTokenUp compares.",
            "llm_time_per_output_token_seconds_mean",
            "s",
        ),
        _against_the_day_before(
            "Time to first token (p95)",
            "What LlmExtprocFirstTokenLate compares.",
            "llm_time_to_first_token_seconds_p95",
            "s",
        ),
    ],
)


def _drift(metric: str) -> list[Query]:
    by = "model, version, signal"
    return [Query(f"max by ({by}) ({selector(metric, VERSIONS)})", f"{_NAME}: {{{{signal}}}}")]


_DRIFT = Row(
    "Drift, with the section drift",
    [
        Panel(
            "Effect",
            "By how much a signal of recent answers differs from its reference: 20 % is a fifth more. Without evidence"
            " it is chance.",
            _drift("llm_quality_drift"),
            unit="percentunit",
        ),
        Panel(
            "Evidence",
            "How far the evidence of drift is on its way to an alarm, which is raised at 100 %. See"
            " LlmExtprocQualityDrift.",
            _drift("llm_quality_drift_evidence"),
            unit="percentunit",
        ),
        Panel(
            "Alarms",
            "1 while a signal drifts. Several signals of one version at once: it is another one than before, look at"
            " its server.",
            _drift("llm_quality_drift_alarm"),
        ),
    ],
)

_COUNTING = Row(
    "What the counts rest on",
    [
        Panel(
            "Estimated usage",
            "Share of answers whose tokens the server did not count. Above some percent: clients leave early, or the"
            " server reports no usage; a tokenizer_file makes these exact.",
            [
                Query(
                    share("llm_usage_estimated_total", "llm_answers_total", "model, version", VERSIONS),
                    f"{_NAME}: estimated",
                ),
                Query(
                    share("llm_usage_capped_total", "llm_answers_total", "model, version", VERSIONS),
                    f"{_NAME}: more than the request allows",
                ),
            ],
            unit="percentunit",
            width=12,
        ),
        Panel(
            "Versions in force",
            "Each version with its prompt. Two rows of one version: replicas have different files, or a route has a"
            " prompt of its own.",
            [Query(f"max by ({BY_VERSION}, prompt, prompt_fingerprint) ({selector('llm_version_info', VERSIONS)})")],
            kind="table",
            width=12,
            hidden=("Value",),
            named={"prompt_fingerprint": "prompt fingerprint"},
        ),
    ],
)


def _signals(title: str, about: str, *names: str) -> Panel:
    """Shares of answers, calls or requests that have each of these signals, of those of which it is known."""
    where = f'{VERSIONS}, signal=~"{"|".join(names)}"'
    expr = share("llm_answer_signals_total", "llm_answer_signals_judged_total", "model, version, signal", where)
    return Panel(title, about, [Query(expr, f"{_NAME}: {{{{signal}}}}")], unit="percentunit")


_SIGNALS = Row(
    "Signals, with the filter signals",
    [
        _signals(
            "Broken answers",
            "Share of answers that are empty, loop, or end at the token limit. Up with a new version: look at its chat"
            " template, its end-of-text token and max_tokens.",
            *("empty", "looped", "token_limit"),
        ),
        _signals(
            "Not in the wanted form",
            "Share of answers that are no JSON as wanted or in another language, and of calls whose arguments do not"
            " fit. Up: the version follows instructions worse; compare it with the one before.",
            *("unstructured", "bad_call", "other_language"),
        ),
        _signals(
            "What users do next",
            "Share of requests that correct the answer before or ask the same again, and of answers that refuse or ask"
            " back. Up for one version: its answers help less.",
            *("repair", "regenerated", "asks_back", "refused"),
        ),
        Panel(
            "Gaps in streams",
            "Means of the median and of the 95th percentile between two texts of a stream. p95 alone: answers stall.",
            [
                Query(mean("llm_stream_gap_median_seconds", "model, version", VERSIONS), f"{_NAME} median"),
                Query(mean("llm_stream_gap_p95_seconds", "model, version", VERSIONS), f"{_NAME} p95"),
            ],
            unit="s",
        ),
        Panel(
            "Reasoning",
            "Mean share of reasoning in the tokens of an answer. Up: answers cost more and begin later.",
            [Query(mean("llm_reasoning_share", "model, version", VERSIONS), _NAME)],
            unit="percentunit",
            max=1,
        ),
        Panel(
            "Similarity of answers",
            "Mean share of first words in common with the answer before to the same question. Down at temperature 0:"
            " the version is another one.",
            [Query(mean("llm_answer_similarity", "model, version", VERSIONS), _NAME)],
            unit="percentunit",
            max=1,
            low_is_bad=True,
        ),
    ],
)

_NEGATIVE: Final = f'{VERSIONS}, feedback_type="negative"'
_THUMBS: Final = f'{VERSIONS}, feedback_type=~"positive|negative"'
_FEEDBACK = Row(
    "What users say, with feedback",
    [
        Panel(
            "Negative thumbs",
            "Share of thumbs that are down. Up for one version: read the comments, and compare it with the others. Few"
            " thumbs say little.",
            [
                Query(
                    share("llm_user_feedback_total", "llm_user_feedback_total", "model, version", _NEGATIVE, _THUMBS),
                    _NAME,
                )
            ],
            unit="percentunit",
            max=1,
            width=12,
        ),
        Panel(
            "Feedback",
            "How much there is of each type. More regenerations without thumbs: users help themselves.",
            [
                Query(
                    rate("llm_user_feedback_total", "model, version, feedback_type", VERSIONS),
                    f"{_NAME} {{{{feedback_type}}}}",
                )
            ],
            unit="cps",
            stacked=True,
            width=12,
        ),
    ],
)

QUALITY = Dashboard(
    name="quality",
    title="llm-extproc: quality by version and prompt",
    about="Did answers change: refusals, lengths and times, by version and prompt.",
    variables=[Variable("model", "Model", "llm_answers_total"), Variable("version", "Version", "llm_answers_total")],
    rows=[_ANSWERS, _TIMES, _SIGNALS, _DRIFT, _FEEDBACK, _AGAINST, _COUNTING],
)
