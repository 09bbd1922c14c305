"""What guards see, what they find, what they do not see, and what people say of it."""

from __future__ import annotations

from typing import Final

from tests.tools.dashboards.grafana import Dashboard, Panel, Query, Row, Variable
from tests.tools.dashboards.queries import GUARDS, rate, selector, share

_GUARD: Final = 'guard=~"$guard"'
_COVERAGE: Final = "llm_guard_coverage_total"
_UNCHECKED: Final = f'{GUARDS}, outcome=~"skipped_too_long|skipped_dropped|failed_open"'

_SEEN = Row(
    "Coverage",
    [
        Panel(
            "Coverage",
            "Share of the texts that each guard should judge and did, over ten minutes, from the recording rules. Below"
            " 100 %: the next panel says why. Texts that it need not judge do not count.",
            [
                Query(
                    selector("policy_guard_direction:llm_guard_coverage:ratio10m", GUARDS),
                    "{{policy}}: {{guard}}, {{direction}}",
                )
            ],
            unit="percentunit",
            max=1,
            low_is_bad=True,
        ),
        Panel(
            "Passed without a check",
            "Texts that a guard should have judged and did not. skipped_dropped: a classifier is too slow."
            " skipped_too_long: raise the guard's limit. failed_open: see the log; on_error: closed refuses"
            " instead.",
            [Query(rate(_COVERAGE, "guard, direction, outcome", _UNCHECKED), "{{guard}}, {{direction}}: {{outcome}}")],
            unit="cps",
        ),
        Panel(
            "Failed closed",
            "Texts that were refused as their guard failed: clients get errors. The log has the reason.",
            [
                Query(
                    rate(_COVERAGE, "policy, guard, direction", f'{GUARDS}, outcome="failed_closed"'),
                    "{{policy}}: {{guard}}, {{direction}}",
                )
            ],
            unit="cps",
        ),
        Panel(
            "Texts by outcome",
            "All outcomes. skipped_source is a role that the guard does not check, skipped_known a text that was found"
            " clean before.",
            [Query(rate(_COVERAGE, "outcome", GUARDS), "{{outcome}}")],
            unit="cps",
            stacked=True,
            width=12,
        ),
        Panel(
            "Texts by policy",
            "Texts that each policy received. A team under an unexpected policy: see the conditions of policies.",
            [
                Query(
                    rate("llm_policy_texts_total", "policy, direction", 'policy=~"$policy"'),
                    "{{policy}}, {{direction}}",
                )
            ],
            unit="cps",
            stacked=True,
            width=12,
        ),
    ],
)

_FOUND = Row(
    "Findings",
    [
        Panel(
            "Findings by action",
            "What was done with findings. Much shadow and little else: the guard is ready to act, or finds too much.",
            [
                Query(
                    rate("llm_guard_verdicts_total", "guard, direction, action", GUARDS),
                    "{{guard}}, {{direction}}: {{action}}",
                )
            ],
            unit="cps",
        ),
        Panel(
            "Findings by kind",
            "What was found. A jump of one kind: label some in the review queue before you change a guard.",
            [Query(rate("llm_guard_findings_total", "guard, kind", _GUARD), "{{guard}}: {{kind}}")],
            unit="cps",
        ),
        Panel(
            "Requests that guards refuse",
            "Blocks by all texts that the guard judged. A jump: an attack, or a client that changed its prompts.",
            [
                Query(
                    share(
                        "llm_guard_verdicts_total",
                        _COVERAGE,
                        "guard",
                        f'{GUARDS}, direction="request", action="block"',
                        f'{GUARDS}, direction="request", outcome="checked"',
                    ),
                    "{{guard}}",
                )
            ],
            unit="percentunit",
        ),
        Panel(
            "Findings in the time shown",
            "How often each kind was found in the time that is shown.",
            [
                Query(
                    "sort_desc(sum by (guard, direction, kind)"
                    f" (increase({selector('llm_guard_findings_total', _GUARD)}[$__range])))",
                    "{{guard}}, {{direction}}: {{kind}}",
                )
            ],
            kind="bargauge",
        ),
        Panel(
            "Hold limits",
            "Response words that exceeded a hold limit, and were not checked as a whole. Above 0: look which guard, and"
            " at docs/limits.md.",
            [Query(rate("llm_guard_hold_limit_total", "guard", _GUARD), "{{guard}}")],
            unit="cps",
        ),
        Panel(
            "Not classified",
            "Exchanges whose texts a classifier did not judge. queue_full and deadline: it is too slow.",
            [Query(rate("llm_classifier_dropped_total", "classifier, reason"), "{{classifier}}: {{reason}}")],
            unit="cps",
        ),
    ],
)

_REVIEWED = Row(
    "Review",
    [
        Panel(
            "Precision",
            "Share of the labeled findings of a guard that reviewers confirmed. Below what you accept: raise its"
            " threshold; extproc review what-if says to what.",
            [Query(f"max by (guard) ({selector('llm_guard_precision', _GUARD)})", "{{guard}}")],
            unit="percentunit",
            max=1,
            low_is_bad=True,
            width=6,
        ),
        Panel(
            "Findings without a label",
            "What waits for reviewers. The guard with the most: label a part of it first.",
            [Query(f"max by (guard) ({selector('llm_review_waiting', _GUARD)})", "{{guard}}")],
            width=6,
        ),
        Panel(
            "Room of the review queue",
            "How much of it is findings without a label. When it is full, the oldest of them are deleted unseen.",
            [Query("sum(max by (guard) (llm_review_waiting)) / max(llm_review_findings_max)", "full")],
            unit="percentunit",
            max=1,
            steps=[("transparent", None), ("red", 0.9)],
            width=6,
        ),
        Panel(
            "Added and dropped",
            "Findings that came into the queue, and that did not: queue_full and store_failed mean that the store is"
            " too"
            " slow or down.",
            [
                Query(rate("llm_review_entries_total", "guard", _GUARD), "added: {{guard}}"),
                Query(rate("llm_review_dropped_total", "reason"), "dropped: {{reason}}"),
            ],
            unit="cps",
            width=6,
        ),
    ],
)

GUARDS_AND_COVERAGE = Dashboard(
    name="guards",
    title="llm-extproc: guards and coverage",
    about="What guards see, what they find, what they do not see, and what reviewers say of it.",
    variables=[
        Variable("policy", "Policy", _COVERAGE),
        Variable("guard", "Guard", _COVERAGE),
    ],
    rows=[_SEEN, _FOUND, _REVIEWED],
)
