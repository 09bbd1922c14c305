"""Shapes of vendors' keys and tokens: mostly a fixed prefix, then enough random characters.

Sources: the vendors' own documentation of their token formats, and the rules of gitleaks (``gitleaks_shapes``). Each is
one word, so a cell always contains it completely.
"""

from __future__ import annotations

from typing import Final

from extproc.detectors.pii.gitleaks_shapes import GITLEAKS_SHAPES
from extproc.detectors.pii.pattern_beginnings import Beginnings
from extproc.detectors.text.latin1 import latin1_pattern

_VENDORS: Final = (
    *GITLEAKS_SHAPES,
    r"sk-(?:ant|proj|svcacct|admin|or-v1|lf)-[A-Za-z0-9_-]{20,}",  # Anthropic, OpenAI, OpenRouter, Langfuse
    r"sk-[A-Za-z0-9]{32,}",  # OpenAI, DeepSeek
    r"(?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{16,}",  # Stripe, Clerk
    r"sk_[a-f0-9]{48}",  # ElevenLabs
    r"whsec_[A-Za-z0-9+/]{24,}",  # webhook signing (Stripe, Svix)
    r"gh[pousr]_[A-Za-z0-9]{36,}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{40,}",
    r"(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}",  # AWS
    r"xox[abeoprs]-[0-9][A-Za-z0-9-]{10,}",  # Slack
    r"xoxe\.xox[bp]-[A-Za-z0-9-]{20,}",
    r"xapp-[0-9]-[A-Za-z0-9-]{20,}",
    r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{40,}",
    r"AIza[A-Za-z0-9_-]{35}",  # Google
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"1//0[A-Za-z0-9_-]{40,}",
    r"GOCSPX-[A-Za-z0-9_-]{28}",
    r"gl(?:pat|ptt|dt|rt|cbt|soat|imt|agent|ft)-[A-Za-z0-9_-]{20,}",  # GitLab
    r"(?:hf|api_org)_[A-Za-z0-9]{30,40}",  # Hugging Face
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[A-Za-z0-9_-]{50,}",
    r"rubygems_[a-f0-9]{48}",
    r"do[por]_v1_[a-f0-9]{64}",  # DigitalOcean
    r"gsk_[A-Za-z0-9]{40,}",  # Groq
    r"xai-[A-Za-z0-9]{60,}",
    r"r8_[A-Za-z0-9]{37}",  # Replicate
    r"nvapi-[A-Za-z0-9_-]{50,}",  # NVIDIA
    r"pplx-[A-Za-z0-9]{40,}",  # Perplexity
    r"tvly-[A-Za-z0-9_-]{20,}",  # Tavily
    r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",  # LangSmith
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",  # Shopify
    r"SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{40,46}",  # SendGrid
    r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}",  # Brevo
    r"key-[a-f0-9]{32}",  # Mailgun
    r"SK[a-f0-9]{32}",  # Twilio
    r"dapi[a-f0-9]{32}(?:-[0-9])?",  # Databricks
    r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}",  # Square
    r"EAAA[A-Za-z0-9_-]{22,}",
    r"HRKU-[A-Za-z0-9_-]{36,60}",  # Heroku
    r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,}",
    r"lin_api_[A-Za-z0-9]{40}",  # Linear
    r"ntn_[A-Za-z0-9]{40,}",  # Notion
    r"secret_[A-Za-z0-9]{43}",
    r"dckr_pat_[A-Za-z0-9_-]{27,}",  # Docker
    r"hv[sb]\.[A-Za-z0-9_-]{24,}",  # Vault
    r"s\.[A-Za-z0-9]{24}",
    r"ATATT3[A-Za-z0-9_=-]{40,}",  # Atlassian
    r"(?:glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,})",  # Grafana
    r"sntry[su]_[A-Za-z0-9+/=_-]{40,}",  # Sentry
    r"NRAK-[A-Z0-9]{27}",  # New Relic
    r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",  # Postman
    r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",  # Airtable
    r"dp\.(?:pt|st|ct)\.[A-Za-z0-9._-]{40,}",  # Doppler
    r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}",  # PlanetScale
    r"sbp_[a-f0-9]{40}",  # Supabase
    r"sb_secret_[A-Za-z0-9_-]{30,}",
    r"pul-[a-f0-9]{40}",  # Pulumi
    r"figd_[A-Za-z0-9_-]{40,}",  # Figma
    r"rzp_(?:live|test)_[A-Za-z0-9]{14,}",  # Razorpay
    r"CCIPAT_[A-Za-z0-9]{20,24}_[a-f0-9]{40}",  # CircleCI
    r"nfp_[A-Za-z0-9]{36,}",  # Netlify
    r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
    r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}",  # 1Password
    r"ops_eyJ[A-Za-z0-9+/]{60,}={0,3}",
    r"sgp_(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40}",  # Sourcegraph
    r"fo1_[A-Za-z0-9_-]{43}",  # Fly.io
    r"lx-[A-Za-z0-9_-]{43}[A-Za-z0-9]{6}",  # llm-extproc, `extproc keys`
    r"fm[12][ar]?_[A-Za-z0-9+/_-]{60,}={0,3}",
    r"sq[upa]_[a-f0-9]{40}",  # SonarQube
    r"tskey-[a-z]{3,8}-[A-Za-z0-9]{8,}-[A-Za-z0-9]{16,}",  # Tailscale
    r"pcsk_[A-Za-z0-9_]{50,}",  # Pinecone
    r"tgp_v1_[A-Za-z0-9_-]{40,}",  # Together
    r"fw_[A-Za-z0-9]{22,28}",  # Fireworks
    r"csk-[a-z0-9]{40,}",  # Cerebras
    r"re_[A-Za-z0-9]{6,10}_[A-Za-z0-9]{20,}",  # Resend
    r"mlsn\.[a-f0-9]{64}",  # MailerSend
    r"ABSK[A-Za-z0-9+/]{100,}={0,2}",  # AWS Bedrock
    r"bedrock-api-key-[A-Za-z0-9+/]{24,}={0,2}",
    r"LTAI[A-Za-z0-9]{17,21}",  # Alibaba Cloud
    r"AKID[A-Za-z0-9]{32}",  # Tencent Cloud
    r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}",  # Cloudflare
    r"EAA[A-Z][A-Za-z0-9]{90,}",  # Facebook
    r"sl\.[A-Za-z0-9_-]{120,}",  # Dropbox
    r"[ps]k\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{22}",  # Mapbox
    r"AKCp[A-Za-z0-9]{60,}",  # Artifactory
    r"ATBB[A-Za-z0-9]{32}",  # Bitbucket
    r"ATTA[a-f0-9]{64}",  # Trello
    r"bkua_[a-f0-9]{40}",  # Buildkite
    r"hc[a-z]ik_[a-z0-9]{58}",  # Honeycomb
    r"sha256~[A-Za-z0-9_-]{43}",  # OpenShift
    r"pnu_[A-Za-z0-9]{36}",  # Prefect
    r"dt0[a-z]01\.[A-Z0-9]{24}\.[A-Z0-9]{64}",  # Dynatrace
    r"EZ[AT]K[A-Za-z0-9]{54}",  # EasyPost
    r"shippo_(?:live|test)_[a-f0-9]{40}",
    r"CFPAT-[A-Za-z0-9_-]{43}",  # Contentful
    r"tfp_[A-Za-z0-9_.=-]{59}",  # Typeform
    r"rdme_[a-z0-9]{70}",  # ReadMe
    r"CLOJARS_[a-z0-9]{60}",
    r"API-[A-Z0-9]{26}",  # Octopus Deploy
    r"AQVN[A-Za-z0-9_-]{35,38}",  # Yandex
)

_VENDORS_WITHOUT_PREFIX: Final = (
    r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}",  # Azure application
    r"[a-f0-9]{32}-us[0-9]{1,2}",  # Mailchimp
    r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}",  # Discord
    r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}",  # Terraform
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{32,33}",  # Telegram
)
"""Patterns that count characters from every position: matched separately, since together, or with others, their states
multiply.
"""

SECRET_PATTERNS: Final = tuple(map(latin1_pattern, ("|".join(_VENDORS), *_VENDORS_WITHOUT_PREFIX)))
"""The vendors' tokens."""

_BEGINNINGS: Final = [Beginnings(vendor) for vendor in (*_VENDORS, *_VENDORS_WITHOUT_PREFIX)]
_FIXED_CHARS_MIN: Final = 2
NAMED_BEGINNINGS: Final = [one for one in _BEGINNINGS if one.fixed_chars >= _FIXED_CHARS_MIN]
"""Prefixes of vendor tokens that identify them."""

UNNAMED_BEGINNINGS: Final = "|".join([one.pattern for one in _BEGINNINGS if one.fixed_chars < _FIXED_CHARS_MIN])
"""Beginnings of tokens that could be any word until their mark appears."""


LETTERS_ONLY_GATE: Final = r"A(?:KIA|SIA|ROA|IDA|BIA|CCA)[A-Z]{6}|(?:hf|api_org)_[A-Za-z]{6}"
"""Tokens above without a mandatory digit begin like this."""

SECRET_CHARACTERS_MIN: Final = 16
"""Minimum length of the tokens above."""


_LETTERS_ONLY_MAY_BE: Final = ("AKIA", "ASIA", "AROA", "AIDA", "ABIA", "ACCA", "hf_", "api_org_")


def secret_plausible(token: str) -> bool:
    """Whether a token looks random: words joined by hyphens have no digit, and placeholders repeat one character."""
    varied = len(set(token)) >= 10
    return varied and (token.startswith(_LETTERS_ONLY_MAY_BE) or any(character.isdigit() for character in token))


def secret_may_begin(token: str, chars_min: int) -> bool:
    """Whether a possible beginning of a token is long enough, and not a word."""
    varied = len(token) >= chars_min and len(set(token)) >= 8
    return varied and (token.startswith(_LETTERS_ONLY_MAY_BE) or any(character.isdigit() for character in token))
