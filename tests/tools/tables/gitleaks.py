"""The shapes of secrets that gitleaks knows, in the dialect of our own patterns.

``extract`` cuts the rules whose secret is told by its own shape out of a whole ``gitleaks.toml``; the cut stands in
``sources/gitleaks.toml``. ``module`` writes those that our own list lacks as a module of the detectors.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

SOURCE = Path(__file__).parent / "sources" / "gitleaks.toml"
_SAID_TO_BE_ONE = "(?:=|>|:{1,3}="
"""What the rules have that look for a name before the secret; ``credentials`` does that for all names."""
_NO_WORD = frozenset({
    "curl-auth-header", "curl-auth-user", "freemius-secret-key", "kubernetes-secret-yaml", "nuget-config-password",
    "pkcs12-file", "private-key", "sidekiq-sensitive-url",
})  # fmt: skip
"""Rules about lines, blocks and files; other detectors look for those."""

TAKEN = (
    "adobe-client-secret",
    "artifactory-reference-token",
    "authress-service-client-access-key",
    "aws-access-token",
    "duffel-api-token",
    "dynatrace-api-token",
    "flutterwave-public-key",
    "flutterwave-secret-key",
    "flutterwave-encryption-key",
    "frameio-api-token",
    "gitlab-feature-flag-client-token",
    "gitlab-oauth-app-secret",
    "gitlab-pat-routable",
    "gitlab-rrt",
    "gitlab-runner-authentication-token-routable",
    "gitlab-session-cookie",
    "grafana-api-key",
    "grafana-service-account-token",
    "harness-api-key",
    "infracost-api-token",
    "intra42-client-secret",
    "scalingo-api-token",
    "settlemint-application-access-token",
    "settlemint-personal-access-token",
    "settlemint-service-access-token",
)
"""The rules that our own list does not cover, by their names; of two that begin alike the longer one first."""

_DOT = "its dot stands for any character; our own shape has the dot that is meant"
_LOWER = "the vendor writes hexadecimal digits in lower case, and our own shape has those"
LEFT_OUT = {
    "clickhouse-cloud-api-secret-key": "4b1d stands in much hexadecimal text, where the automaton would grow",
    "facebook-access-token": "begins with any fifteen digits, so that every number would be counted",
    "jwt": "a JSON object begins with eyJ, not with any ey; those are found as WEB_TOKEN",
    "jwt-base64": "a token that was encoded twice",
    "maxmind-license-key": "its mark comes last, so that every word would be counted; `license_key=` finds it",
    "microsoft-teams-webhook": "an address that begins like any other; `urls` can deny its host",
    "sendgrid-api-token": "a key has a dot behind the first 22 characters, and our own shape has it",
    "shippo-api-token": _LOWER,
    "slack-app-token": "takes tokens of twelve characters; Slack gives more than forty",
    "slack-config-access-token": _DOT,
    "slack-webhook-url": _DOT,
    "sourcegraph-access-token": "forty hexadecimal digits alone are any commit; the rest is covered",
    "stripe-access-token": "Stripe's keys have 24 characters behind the prefix; with ten, names in code look like one",
    "twilio-api-key": _LOWER,
}
"""The rules that we neither cover nor take, each with the reason."""

_ENDS = (
    r"""(?:[\x60'"\s;]|\\[nr]|$)""",
    r"""(?:[\x60'"\s;]|\\[nr]|$|\b)""",
    r"""(?:$|[\\'"\x60\s<),])""",
    r"(?:[^\w-]|\z)",
    r"(?:[^a-zA-Z0-9+/]|\z)",
    r"\b",
)
_STARTS = (r"""(?:^|[\\'"\x60\s>=:(,)])""", r"\b")
_CLASSES = {r"\w": "A-Za-z0-9_", r"\d": "0-9", "[:alnum:]": "A-Za-z0-9"}


def rules() -> dict[str, str]:
    """The regular expression of each rule of the cut, by the rule's name."""
    return {rule["id"]: rule["regex"] for rule in tomllib.loads(SOURCE.read_text())["rules"]}


def extract(whole: str, version: str, sha256: str) -> str:
    """The cut of a whole configuration, as it is committed."""
    lines = [
        f"# Rules of gitleaks {version}, config/gitleaks.toml (SHA-256 {sha256}):",
        "# those whose secret is told by its own shape, with nothing but their names and expressions.",
        "# https://github.com/gitleaks/gitleaks, MIT License, Copyright (c) 2019 Zachary Rice.",
        "# Written by `python -m tests.tools.tables --gitleaks FILE --gitleaks-version VERSION`.",
    ]
    for rule in tomllib.loads(whole)["rules"]:
        regex = rule.get("regex", "")
        if _SAID_TO_BE_ONE not in regex and rule["id"] not in _NO_WORD:
            lines += ["", "[[rules]]", f'id = "{rule["id"]}"', f"regex = '''{regex}'''"]
    return "\n".join(lines) + "\n"


def own_dialect(regex: str) -> str:
    """The expression without what may stand around the secret.

    Flags stand in groups, classes of ASCII are written out, and counts of a hundred and more have no end.
    """
    everywhere = regex.startswith("(?i)")
    shape = _bare(regex.removeprefix("(?i)"))
    while "(?i)" in shape:
        shape = _with_flag_in_group(shape)
    shape = re.sub(r"(?<!\\)\((?!\?)", "(?:", shape)
    for name, members in _CLASSES.items():
        shape = re.sub(rf"(\[[^\]]*){re.escape(name)}", rf"\g<1>{members}", shape)
        shape = shape.replace(name, f"[{members}]")
    shape = re.sub(r"\{([0-9]+),[0-9]{3,}\}", r"{\1,}", shape)  # an automaton has a state for each that is counted
    return f"(?i:{shape})" if everywhere else shape


def _bare(shape: str) -> str:
    before = ""
    while shape != before:
        before = shape
        for end in _ENDS:
            shape = shape.removesuffix(end)
        for start in _STARTS:
            shape = shape.removeprefix(start)
        if shape.startswith("(") and not shape.startswith("(?") and _group_end(shape, 0) == len(shape) - 1:
            shape = shape[1:-1]
    return shape


def _with_flag_in_group(shape: str) -> str:
    """A flag holds to the end of the group it stands in."""
    place = shape.index("(?i)")
    depth, end = 0, place + 4
    while end < len(shape) and not (shape[end] == ")" and not depth):
        depth += {"(": 1, ")": -1}.get(shape[end], 0)
        end += 1
    return f"{shape[:place]}(?i:{shape[place + 4 : end]}){shape[end:]}"


def _group_end(shape: str, start: int) -> int:
    """Where the group that begins here ends; no expression of the cut has a bracket in a class."""
    depth = 0
    for place in range(start, len(shape)):
        escaped = place and shape[place - 1] == "\\"
        depth += 0 if escaped else {"(": 1, ")": -1}.get(shape[place], 0)
        if not depth:
            return place
    return -1


def module() -> str:
    """The module ``extproc.detectors.pii.gitleaks_shapes``."""
    known = rules()
    version = SOURCE.read_text().partition("gitleaks ")[2].partition(",")[0]
    shapes = [line for name in TAKEN for line in (f"    # {name}", f'    r"{own_dialect(known[name])}",')]
    return "\n".join([
        f'"""Shapes of secrets from the rules of gitleaks {version}.',
        "",
        "MIT License, Copyright (c) 2019 Zachary Rice.",
        "",
        "Generated by ``make tables``; not to be edited.",
        '"""',
        "",
        "GITLEAKS_SHAPES = (",
        *shapes,
        ")",
        '"""Those of the vendors that our own list lacks."""',
        "",
    ])  # fmt: skip
