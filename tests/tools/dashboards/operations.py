"""Is the processor healthy: traffic, failures, the time that it takes, what waits, configuration."""

from __future__ import annotations

from tests.tools.dashboards.grafana import Dashboard, Panel, Query, Row, Variable
from tests.tools.dashboards.queries import INSTANCES, quantile, rate, selector, share, total

_FAILED = f'{INSTANCES}, outcome="failed"'
_ANY = INSTANCES

_NOW = Row(
    "Now",
    [
        Panel(
            "Requests",
            "Exchanges that ended, a second. None at all: look whether Envoy reaches the processor.",
            [Query(rate("llm_requests_total", where=_ANY))],
            unit="reqps",
            kind="stat",
            width=4,
            height=4,
        ),
        Panel(
            "Internal failures",
            "Share of exchanges that ended with a failure of the processor. Above 0: see Failures by reason, then the"
            " log.",
            [
                Query(
                    f"({rate('llm_requests_total', where=_FAILED)} or vector(0))"
                    f" / {rate('llm_requests_total', where=_ANY)}"
                )
            ],
            unit="percentunit",
            kind="stat",
            width=4,
            height=4,
            steps=[("green", None), ("orange", 0.0001), ("red", 0.01)],
        ),
        Panel(
            "In flight",
            "Exchanges in flight. It rises with the length of answers; without more requests, look at the model"
            " servers.",
            [Query(total(selector("llm_inflight_exchanges", _ANY)))],
            kind="stat",
            width=4,
            height=4,
        ),
        Panel(
            "Configuration files",
            "Whether the files are in force as they are. Refused: /readyz and the log have the error; the last good"
            " configuration serves.",
            [Query(f"min({selector('llm_config_last_reload_successful', _ANY)})")],
            kind="stat",
            width=4,
            height=4,
            texts={"1": ("in force", "green"), "0": ("refused", "red")},
        ),
        Panel(
            "Configurations in force",
            "How many different ones. More than 1 for longer than a rollout takes: a replica did not get the new"
            " files.",
            [Query(f"count(count by (revision) ({selector('llm_config_revision', _ANY)}))")],
            kind="stat",
            width=4,
            height=4,
            steps=[("green", None), ("orange", 2)],
        ),
        Panel(
            "First certificate ends",
            "When the first certificate in use ends. Empty without server.tls. Renew it: a new file is used at once.",
            [Query(f"min({selector('llm_extproc_certificate_not_after_timestamp_seconds', _ANY)}) * 1000")],
            unit="dateTimeFromNow",
            kind="stat",
            width=4,
            height=4,
        ),
    ],
)

_TRAFFIC = Row(
    "Traffic",
    [
        Panel(
            "Requests by outcome",
            "How exchanges ended. rejected and cut are decisions of guards and limits, upstream_error is the model"
            " server's, aborted the client's; failed is ours.",
            [Query(rate("llm_requests_total", "outcome", _ANY), "{{outcome}}")],
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Requests by endpoint",
            "Which APIs clients use, streamed or not.",
            [Query(rate("llm_requests_total", "endpoint, streamed", _ANY), "{{endpoint}}, streamed {{streamed}}")],
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Failures by reason",
            "Exchanges that ended with an internal failure: clients got an error. docs/reference/errors.md says what"
            " each"
            " reason means.",
            [Query(rate("llm_extproc_failures_total", "reason", _ANY), "{{reason}}")],
            unit="reqps",
        ),
        Panel(
            "Exchanges in flight",
            "By instance. One that has far more than others: Envoy spreads streams badly, see Workers in"
            " docs/operations.md.",
            [Query(total(selector("llm_inflight_exchanges", _ANY), "instance"), "{{instance}}")],
        ),
        Panel(
            "Late texts",
            "Texts and events after the end of their choice or stream, which nobody gets. Above 0: a model server sends"
            " what its API does not know.",
            [Query(rate("llm_extproc_dropped_texts_total", "endpoint", _ANY), "{{endpoint}}")],
            unit="cps",
        ),
        Panel(
            "Refused credentials",
            "Requests whose credential is wrong or missing. A jump after a rotation: a client still has the old key.",
            [Query(rate("llm_extproc_identity_refused_total", "source, reason", _ANY), "{{source}}: {{reason}}")],
            unit="reqps",
        ),
        Panel(
            "Marks of the hop in front",
            "Requests of a sidecar by what became of the gateway's mark. All but good are guarded and counted again:"
            " docs/two-hops.md says what each result means. absent: somebody goes around the gateway.",
            [Query(rate("llm_extproc_hop_marks_total", "result", _ANY), "{{result}}")],
            unit="reqps",
            stacked=True,
        ),
    ],
)

_TIME = Row(
    "What the processor costs",
    [
        Panel(
            "Time of a message (p99)",
            "By phase. Higher than docs/benchmarks.md says: too little CPU, or expensive guards on long texts.",
            [Query(quantile(0.99, "llm_extproc_step_seconds", "phase", _ANY), "{{phase}}")],
            unit="s",
            width=6,
        ),
        Panel(
            "Processor time per request",
            "Time of all messages by completed requests: what a request costs on one core.",
            [Query(share("llm_extproc_step_seconds_sum", "llm_requests_total", where=_ANY), "per request")],
            unit="s",
            width=6,
        ),
        Panel(
            "Long messages",
            "Messages above 16 KiB that are received, queued or checked; they take turns. Growing: more workers.",
            [
                Query(total(selector("llm_extproc_long_messages", _ANY)), "now"),
                Query(rate("llm_extproc_long_messages_refused_total", where=_ANY), "refused, a second"),
            ],
            width=6,
        ),
        Panel(
            "Wait of long messages (p95)",
            "How long they queue for their turn. Clients of long prompts wait as long: more workers.",
            [Query(quantile(0.95, "llm_extproc_long_message_wait_seconds", where=_ANY), "p95")],
            unit="s",
            width=6,
        ),
    ],
)

_CLASSIFIERS = Row(
    "Classifiers and the store of rate limits",
    [
        Panel(
            "Classifier queue",
            "How full each queue is. At 100 % texts are dropped: more processes, a smaller sample, or a faster model.",
            [
                Query(
                    f"{total(selector('llm_classifier_queue', _ANY), 'classifier')}"
                    f" / {total(selector('llm_classifier_queue_max', _ANY), 'classifier')}",
                    "{{classifier}}",
                )
            ],
            unit="percentunit",
            max=1,
            steps=[("transparent", None), ("red", 0.9)],
        ),
        Panel(
            "Time to classify (p95)",
            "For the texts of one exchange. Near await_ms: blocking checks run into their deadline.",
            [Query(quantile(0.95, "llm_classifier_seconds", "classifier", _ANY), "{{classifier}}")],
            unit="s",
        ),
        Panel(
            "Not classified",
            "Exchanges whose texts were not classified, and processes that were replaced. queue_full and deadline:"
            " too slow. failed: see the log.",
            [
                Query(
                    rate("llm_classifier_dropped_total", "classifier, reason", _ANY),
                    "{{classifier}}: dropped, {{reason}}",
                ),
                Query(
                    rate("llm_classifier_restarts_total", "classifier, reason", _ANY),
                    "{{classifier}}: restarted, {{reason}}",
                ),
            ],
            unit="cps",
        ),
        Panel(
            "Store of rate limits (p99)",
            "Round trip of one call. Above the deadline, limits are decided alone.",
            [Query(quantile(0.99, "llm_extproc_rate_limit_store_seconds", where=_ANY), "p99")],
            unit="s",
        ),
        Panel(
            "Errors of the store of rate limits",
            "Calls that failed, and exchanges decided without the store by on_store_loss. Look at the store, then at"
            " the network.",
            [
                Query(rate("llm_extproc_rate_limit_store_errors_total", "reason", _ANY), "{{reason}}"),
                Query(rate("llm_extproc_rate_limit_decided_alone_total", "policy", _ANY), "alone: {{policy}}"),
            ],
            unit="cps",
        ),
        Panel(
            "Tokenizers",
            "Exchanges whose model has a tokenizer. dropped or failed: their tokens are estimated.",
            [Query(rate("llm_tokenizer_exchanges_total", "result", _ANY), "{{result}}")],
            unit="cps",
        ),
    ],
)

_LEDGER = Row(
    "Ledger",
    [
        Panel(
            "Oldest entry that waits",
            "By sink. Growing: the sink is down or too slow; entries are safe in the spool until that is full.",
            [
                Query(
                    f"max by (sink) ({selector('llm_extproc_ledger_sink_oldest_seconds', _ANY)})",
                    "{{sink}}",
                )
            ],
            unit="s",
        ),
        Panel(
            "Spool",
            "Size on disk, and how much each sink has not stored. At ledger.spool_mb_max entries are refused or lost.",
            [
                Query(total(selector("llm_extproc_ledger_spool_bytes", _ANY)), "spool"),
                Query(total(selector("llm_extproc_ledger_sink_waiting_bytes", _ANY), "sink"), "waits for {{sink}}"),
            ],
            unit="bytes",
        ),
        Panel(
            "Entries",
            "Written to the spool, and stored by each sink. The lines meet again after an outage.",
            [
                Query(rate("llm_extproc_ledger_entries_total", where=_ANY), "written"),
                Query(rate("llm_extproc_ledger_sink_stored_total", "sink", _ANY), "stored by {{sink}}"),
            ],
            unit="cps",
        ),
        Panel(
            "Lost and damaged entries",
            "Each is an exchange that no bill has. full: the spool has no room. failed: its disk. See docs/ledger.md.",
            [
                Query(rate("llm_extproc_ledger_dropped_total", "reason", _ANY), "{{reason}}"),
                Query(rate("llm_extproc_ledger_damaged_total", where=_ANY), "damaged"),
                Query(rate("llm_extproc_ledger_unprotected_total", where=_ANY), "unprotected"),
            ],
            unit="cps",
            width=12,
        ),
        Panel(
            "Trouble with sinks",
            "Failed tries, which are repeated; events that a receiver did not take; shippers that died. The log has the"
            " reason.",
            [
                Query(rate("llm_extproc_ledger_sink_failures_total", "sink", _ANY), "{{sink}}: failed"),
                Query(rate("llm_extproc_ledger_sink_refused_total", "sink", _ANY), "{{sink}}: refused"),
                Query(rate("llm_extproc_ledger_shipper_restarts_total", where=_ANY), "shipper restarted"),
            ],
            unit="cps",
            width=12,
        ),
    ],
)

_CONFIGURATION = Row(
    "Configuration and processes",
    [
        Panel(
            "Attempts to load the configuration",
            "invalid: the files were refused. extproc check says why before you deploy.",
            [
                Query(
                    total(f"increase({selector('llm_config_reloads_total', _ANY)}[$__rate_interval])", "result"),
                    "{{result}}",
                )
            ],
        ),
        Panel(
            "Keys that Envoy does not know",
            "Above 0 for minutes: Envoy has an older configuration. /readyz lists the keys; write and load a new one.",
            [Query(f"max by (instance) ({selector('llm_envoy_stale_keys', _ANY)})", "{{instance}}")],
        ),
        Panel(
            "Prompt store",
            "Requests by result. failed: the last good prompts stay in force; /readyz says why.",
            [Query(rate("llm_prompt_store_requests_total", "result", _ANY), "{{result}}")],
            unit="reqps",
        ),
        Panel(
            "Load of model servers",
            "Age of what each says of its load; above 2 s it is not used, and requests go by round robin.",
            [Query(f"max by (endpoint) ({selector('llm_endpoint_load_age_seconds', _ANY)})", "{{endpoint}}")],
            unit="s",
            steps=[("transparent", None), ("red", 2)],
        ),
        Panel(
            "Readings of model servers",
            "Attempts to read their load. unreadable: there is no page of vLLM at that address.",
            [Query(rate("llm_endpoint_scrapes_total", "result", _ANY), "{{result}}")],
            unit="cps",
        ),
        Panel(
            "Workers and log lines",
            "Workers that died, and log lines that were dropped. SIGKILL: look for lack of memory. Lines: the reader of"
            " the log is too slow.",
            [
                Query(rate("llm_worker_restarts_total", "reason", _ANY), "worker: {{reason}}"),
                Query(rate("llm_log_lines_dropped_total", "level", _ANY), "log lines: {{level}}"),
            ],
            unit="cps",
        ),
        Panel(
            "Exports by OTLP",
            "What a collector took (ok) or not, and exchanges whose spans are lost. failed: look at the collector;"
            " docs/tracing.md says what each reason means.",
            [
                Query(rate("llm_extproc_otel_exports_total", "signal, result", _ANY), "{{signal}}: {{result}}"),
                Query(rate("llm_extproc_otel_dropped_total", "reason", _ANY), "spans lost: {{reason}}"),
            ],
            unit="cps",
        ),
    ],
)

OPERATIONS = Dashboard(
    name="operations",
    title="llm-extproc: operations",
    about="Is the processor healthy: traffic, failures, the time that it takes, what waits, configuration.",
    variables=[Variable("instance", "Instance", "llm_inflight_exchanges")],
    rows=[_NOW, _TRAFFIC, _TIME, _CLASSIFIERS, _LEDGER, _CONFIGURATION],
)
