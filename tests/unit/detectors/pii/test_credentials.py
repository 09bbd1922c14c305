"""Keys, tokens and passwords, and the code that only speaks of them."""

from __future__ import annotations

import pytest

from extproc.detectors.pii.detector import PiiDetector
from tests.tools.pii_report import secrets_in_code

detector = PiiDetector(["SECRET"])

H32, H40, H64 = "0123456789abcdef" * 2, "0123456789abcdef01234567" + "89abcdef01234567", "0123456789abcdef" * 4
R = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0fL"  # 32 characters of three kinds


def found(text: str) -> list[tuple[str, str]]:
    """Kind and words of each finding."""
    return [(finding.kind, text[finding.start : finding.end]) for finding in detector.find(text)]


TOKENS = [
    "AKIAQ3EGRMHV7KTYZ2BX", f"sk-proj-{R}", f"sk-ant-api03-{R}", f"sk_live_{R}", f"ghp_{R}0123", f"github_pat_{R}{R}",
    f"glpat-{R[:20]}", f"gldt-{R[:20]}", f"xoxb-1234567890-{R}", f"hooks.slack.com/services/T0123/B0123456/{R}",
    f"AIza{R}abc", f"ya29.{R}", f"hf_{R}abcd", f"npm_{R}0123", f"pypi-{R}{R}", f"SK{H32}", f"key-{H32}", f"{H32}-us12",
    f"SG.{R[:22]}.{R}{R[:11]}", f"123456789:AA{R}1", f"MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.{R[:27]}", f"dop_v1_{H64}",
    f"dapi{H32}", f"shpat_{H32}", f"sq0atp-{R[:22]}", f"HRKU-{R}{R[:8]}", f"lin_api_{R}01234567", f"sbp_{H40}",
    f"abc8Q~{R}12", f"NRAK-{'A1B2C3D4E5F6G7H8I9J0K1L2M3N'}", f"figd_{R}{R[:10]}",
    f"A3-{'AB12CD'}-{'EF34GH'}-{'IJ56K'}-{'LM78N'}-{'OP90Q'}-{'RS12T'}", f"sgp_local_{H40}", f"sgp_{H64[:16]}_{H40}",
    f"lx-{R}{R[:11]}A1b2C3",
    f"fo1_{R}{R[:11]}", f"s.{R[:24]}", f"api_org_{R}ab", f"squ_{H40}", f"tskey-auth-{R[:16]}-{R}", f"pcsk_{R}{R}",
    f"fw_{R[:24]}", f"LTAI{R[:20]}", f"AKID{R}", f"sb_secret_{R}", f"bkua_{H40}", f"sha256~{R}{R[:11]}", f"ATBB{R}",
    f"whsec_{R}", f"gsk_{R}{R[:20]}", f"r8_{R}abcde", f"tvly-{R[:24]}", f"hvs.{R}", f"dckr_pat_{R}",
]  # fmt: skip


@pytest.mark.parametrize("token", TOKENS)
def test_a_vendors_token_is_found_by_its_shape(token: str) -> None:
    """Wherever it stands, whole, and not inside a longer word."""
    assert found(f"the value {token}, as said") == [("SECRET", token)]
    assert ("SECRET", token) not in found(f"Q{token}")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password=Qr7!dke#39", "Qr7!dke#39"),
        ('{"password": "SecureP@ss8901"}', "SecureP@ss8901"),
        ("his password is R3boot!Now.", "R3boot!Now"),
        ("with password 'W!nter2024'", "W!nter2024"),
        ("Passwort: Geheim!2024", "Geheim!2024"),
        ("DB_PASSWORD=tr0ub4dor&3X", "tr0ub4dor&3X"),
        (f"api_key: {R}", R),
        (f"AccountName=x;AccountKey={R}{R}{R[:22]}==;", f"{R}{R}{R[:22]}=="),
        (f"export STRIPE_SECRET={R}", R),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzWQ4T0LPx1",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzWQ4T0LPx1",
        ),
        (f"Authorization: Bearer {R}", R),
        (
            "HEROKU_API_KEY=01234567-89ab-cdef-0123-456789abcdef",
            "01234567-89ab-cdef-0123-456789abcdef",
        ),
        ("ann@example.com / W!nter2024", "W!nter2024"),
        ("curl -H 'Authorization: 5eb4223e-5008-46e5-be67-c7b8f2732305'", "5eb4223e-5008-46e5-be67-c7b8f2732305"),
        ("Authorization: Api-Token 22cb98a51bc5659f", "22cb98a51bc5659f"),
        ("authorization: Basic YW5uOg==", "YW5uOg=="),
        ("X-Api-Key: Sk94HG7f6KB", "Sk94HG7f6KB"),
        ("Token: 3fea6af1349166ea", "3fea6af1349166ea"),
        ("curl -u elastic:qg5nai0x0kr https://localhost:9200", "qg5nai0x0kr"),
        ("curl --user 'api:d2LkV78zLx!t' https://localhost", "d2LkV78zLx!t"),
        ('curl -u "d2LkV78zLx!t:" https://localhost', "d2LkV78zLx!t"),
        ('<add key="Password" value="CleartextPassword1" />', "CleartextPassword1"),
        ('{"name": "DB_PASSWORD", "value": "tr0ub4dor&3X"}', "tr0ub4dor&3X"),
        ("jdbc:x://h/db?user=ann&password=Tr0ub4dor3x&ssl=1", "Tr0ub4dor3x"),
        ("- name: API_TOKEN\n  value: " + R, R),
    ],
)
def test_what_is_said_to_be_a_secret_is_one(text: str, secret: str) -> None:
    """A word for it stands directly before, and the value looks made up."""
    assert found(text) == [("SECRET", secret)]


@pytest.mark.parametrize(
    "text",
    [
        "password = get_password(user1)",
        "token = tokens[i + 1]",
        "api_key=os.environ['OPENAI_API_KEY_2']",
        "secret = settings.secret_key_2024_production",
        "password: your_password",
        "the token_hash=0123456789abcdef0123456789abcdef is public",
        "password: ${DB_PASSWORD_1}",
        "password must have 8 characters",
        "token: AZURE_OPENAI_API_KEY_2",
        "sk-learn-like task-runner-with-a-long-name",
        "integrity sha512-z0Yq2VYYzR5xkF7gqQW0nKoE7uT3i8n0dHcP1yqkQb7wq3bJt1mVnq",
        "password 12345678 and password 20240611",
        "key: value1, secret: maybe2",
        "AKIAAAAAAAAAAAAAAAAA",
        "docker run -u 1000:1000 -e A=1 image",
        "git push -u origin:feature-12",
        "curl -u $USER_1:$PASSWORD_1 https://localhost",
        "curl -u username:password12 https://localhost",
        "Authorization: Bearer YOUR_TOKEN_123",
        "Authorization: Basic base64encoded1",
        "let hf_requiredCharacteristicTypesForDisplayMetadata be",
        "images/2018-250-xoxo-indieweb-1.jpg and xoxo-festival-2018",
    ],
)
def test_code_and_talk_about_secrets_is_none(text: str) -> None:
    """Names, calls, variables, placeholders, hashes and numbers."""
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgres://bob:s3cr3tPw@db.example:5432/x", "bob:s3cr3tPw"),
        ("https://:tok3n@host.example/", ":tok3n"),
        ("redis://default:p@ss@cache.example", "default:p@ss"),
    ],
)
def test_a_password_in_an_address_is_found_with_its_user(text: str, secret: str) -> None:
    """The host stays readable; it is no e-mail address."""
    assert found(text) == [("URL_CREDENTIALS", secret)]


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com:8080/a@b",
        "postgres://user:password@localhost/db",
        "https://user:$TOKEN@host",
        "https://user@host",
        "ftp://user:xxxx@host",
    ],
)
def test_an_address_without_a_password_is_left_alone(text: str) -> None:
    """Ports, placeholders, variables, and a user alone."""
    assert found(text) == []


def test_a_web_token_has_its_own_name() -> None:
    """Asked for as SECRET too."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
    assert found(f"jwt {token}") == [("JWT", token)]


def test_ordinary_code_holds_no_secret() -> None:
    """Ten thousand lines of the standard library, and lock files, identifiers and minified script of our own."""
    assert secrets_in_code(detector) == 0
