"""What Envoy answers before a request has headers: it must go out at once, or it never does.

Envoy refuses malformed HTTP (too many headers, two lengths, a name with ``_``) in its codec, and closes the connection
right behind its answer. The answer passes the HTTP filters on its way; one that waits for the processor's word holds it
until the connection is closed, and the client reads nothing. So the filter is left out of exactly these replies.
"""

from __future__ import annotations

from typing import Any

_MATCHING = "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher"
_SKIP = "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter"
_XDS = "type.googleapis.com/xds.type.matcher.v3"


def skipped_without_request(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """An HTTP filter that sees every exchange whose request has headers, and nothing else.

    The condition is decided when the first headers pass, and not again. Of any request those are its own, which always
    have a method; only a reply to a request without headers passes by first. No client and no upstream can bring it
    about. Where Envoy cannot tell, the filter is not left out.

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
