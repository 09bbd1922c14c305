"""The shapes of keys and tokens of well-known vendors: a fixed prefix, then enough random characters.

Sources: the vendors' own documentation of their token formats. Each is one word, so a cell always holds it whole.
"""

from __future__ import annotations

from extproc.detectors.latin1 import latin1_pattern

_VENDORS = (
    r"sk-(?:ant|proj|svcacct|admin|or-v1|lf)-[A-Za-z0-9_-]{20,}",  # Anthropic, OpenAI, OpenRouter, Langfuse
    r"sk-[A-Za-z0-9]{32,}",  # OpenAI, DeepSeek
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
    r"whsec_[A-Za-z0-9+/]{24,}",  # webhook signing (Stripe, Svix)
    r"gh[pousr]_[A-Za-z0-9]{36,}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{40,}",
    r"(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}",  # AWS
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}",  # Slack
    r"xapp-[0-9]-[A-Za-z0-9-]{20,}",
    r"AIza[A-Za-z0-9_-]{35}",  # Google
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"GOCSPX-[A-Za-z0-9_-]{28}",
    r"glpat-[A-Za-z0-9_-]{20,}",  # GitLab
    r"hf_[A-Za-z0-9]{30,}",  # Hugging Face
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[A-Za-z0-9_-]{50,}",
    r"dop_v1_[a-f0-9]{64}",  # DigitalOcean
    r"gsk_[A-Za-z0-9]{40,}",  # Groq
    r"xai-[A-Za-z0-9]{60,}",
    r"r8_[A-Za-z0-9]{37}",  # Replicate
    r"nvapi-[A-Za-z0-9_-]{50,}",  # NVIDIA
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",  # Shopify
    r"SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{40,46}",  # SendGrid
    r"lin_api_[A-Za-z0-9]{40}",  # Linear
    r"dckr_pat_[A-Za-z0-9_-]{27,}",  # Docker
    r"hvs\.[A-Za-z0-9_-]{24,}",  # Vault
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",  # Telegram
    r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*",  # JSON Web Token
)

SECRET_PATTERN = latin1_pattern("(?:" + "|".join(_VENDORS) + ")")
"""Any of the vendors' tokens; leftmost first."""

SECRET_GATE = (
    r"(?:[srp]k[-_][A-Za-z]*[-_]?[A-Za-z0-9]|whsec_|gh[pousr]_|github_pat_|A(?:KIA|SIA|ROA|IDA|Iza)|xox[abeoprs]-|xapp-"
    r"|ya29\.|GOCSPX-|glpat-|hf_|npm_|pypi-|dop_v1_|xai-|r8_|nvapi-|shp(?:at|ca|pa|ss)_|SG\.|lin_api_|dckr_pat_|hvs\.|:AA|eyJ)"
    r"[A-Za-z0-9_+/.\-]{9}"
)
"""What a text must hold before ``SECRET_PATTERN`` is worth its time."""

SECRET_CHARACTERS_MIN = 16
"""No token above is shorter."""


_LETTERS_ONLY_MAY_BE = ("AKIA", "ASIA", "AROA", "AIDA", "hf_")


def secret_plausible(token: str) -> bool:
    """Whether a token looks random: words joined by hyphens have no digit, and placeholders repeat one character."""
    varied = len(set(token)) >= 10
    return varied and (token.startswith(_LETTERS_ONLY_MAY_BE) or any(character.isdigit() for character in token))
