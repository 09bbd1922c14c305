"""Envoy's replies before a request has headers must skip the processor, or they are never sent.

Envoy's codec rejects malformed HTTP (too many headers, two lengths, a name with ``_``), and closes the connection right
after its reply. The reply passes the HTTP filters; a filter that waits for the processor holds it until the connection
is closed, and the client reads nothing. So the filter is skipped for exactly these replies.
"""

from __future__ import annotations

from typing import Any

_MATCHING = "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher"
_SKIP = "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter"
_XDS = "type.googleapis.com/xds.type.matcher.v3"


def skipped_without_request(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """An HTTP filter that sees every exchange whose request has headers, and no other.

    The condition is evaluated once, on the first headers that pass. For any request these are its own, which always
    have a method; only a reply to a request without headers comes first. Neither a client nor an upstream can cause
    that. If Envoy cannot decide, the filter is not skipped.

    Source: Envoy's matching API; measured on 1.40, where ``cel_expr_string`` is not known yet.
    """
    has_method = {"select_expr": {"operand": {"ident_expr": {"name": "request"}}, "field": "method", "test_only": True}}
    no_request = {"call_expr": {"function": "!_", "args": [has_method]}}
    predicate = {
        "input": {"name": "attributes", "typed_config": {"@type": f"{_XDS}.HttpAttributesCelMatchInput"}},
        "custom_match": {
            "name": "no_request",
            "typed_config": {
                "@type": f"{_XDS}.CelMatcher",
                "expr_match": {"cel_expr_parsed": {"expr": no_request}},
                "description": "!has(request.method)",
            },
        },
    }
    skip = {"action": {"name": "skip", "typed_config": {"@type": _SKIP}}}
    return {
        "name": name,
        "typed_config": {
            "@type": _MATCHING,
            "extension_config": {"name": name, "typed_config": config},
            "xds_matcher": {
                "matcher_list": {"matchers": [{"predicate": {"single_predicate": predicate}, "on_match": skip}]}
            },
        },
    }
