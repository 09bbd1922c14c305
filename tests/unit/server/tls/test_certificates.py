"""What is wrong with the files of ``server.tls`` is told before anything is served, at its line."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from extproc.config.problems import ConfigInvalid, Severity
from extproc.server.operations.config_files import ConfigFiles, ConfigReader, read_config
from extproc.server.sockets.certificates import PEM_BYTES_MAX, Certificates, validities
from tests.unit.server.authority import LAST_YEAR, Authority
from tests.unit.server.envoy import CONFIG, write_config

MTLS_CONFIG = """\
server:
  listen: 127.0.0.1:1
  tls:
    certificate_file: tls.crt
    key_file: private/tls.key
    client_ca_file: ca.crt
""" + CONFIG.lstrip("\n")

ours = Authority()
Spoil = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with good certificates, the key in a folder of its own."""
    identity = ours.issue()
    (tmp_path / "private").mkdir()
    (tmp_path / "tls.crt").write_bytes(identity.certificate)
    (tmp_path / "private" / "tls.key").write_bytes(identity.key)
    (tmp_path / "ca.crt").write_bytes(Authority().pem)
    write_config(tmp_path, MTLS_CONFIG)
    return tmp_path


def read(folder: Path) -> ConfigFiles:
    """As ``serve`` reads it."""
    return ConfigReader(folder / "llm-extproc.yaml").read()


def encrypted(folder: Path) -> None:
    """Put a password on the key."""
    key = folder / "private" / "tls.key"
    words = ["openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:x"]
    key.write_bytes(subprocess.run(words, capture_output=True, check=True).stdout)


def cut(file: Path) -> None:
    """Lose the second half of a file."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def with_text(file: Path) -> None:
    """What `openssl x509 -text` puts before the block, in a name that is not ASCII."""
    file.write_bytes("Issuer: CN=Zürich\n".encode() + file.read_bytes())


def test_good_files_are_read_relative_to_the_configuration(folder: Path) -> None:
    """As prompts are; the key is never shown."""
    files = read(folder)
    assert files.certificates is not None
    assert files.certificates.key == (folder / "private" / "tls.key").read_bytes()
    assert files.certificates.client_ca == (folder / "ca.crt").read_bytes()
    assert "PRIVATE KEY" not in repr(files)
    assert files.loaded.warnings == ()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda folder: (folder / "tls.crt").unlink(),
            "4:23: server.tls.certificate_file: the text `tls.crt` is not a file. "
            "The path is relative to the folder of the file that names it.",
        ),
        (
            lambda folder: ((folder / "ca.crt").unlink(), (folder / "ca.crt").mkdir()),
            "6:21: server.tls.client_ca_file: the text `ca.crt` cannot be read (is a directory). "
            "Make it readable for this user.",
        ),
        (
            lambda folder: (folder / "tls.crt").write_bytes(b"x" * (PEM_BYTES_MAX + 1)),
            "4:23: server.tls.certificate_file: the file is longer than 1048576 bytes. "
            "It should hold only what its key says.",
        ),
        (
            lambda folder: cut(folder / "tls.crt"),
            "4:23: server.tls.certificate_file: the file holds no certificate in PEM. "
            "Expected `-----BEGIN CERTIFICATE-----`: the server's own first, then those that signed it.",
        ),
        (
            lambda folder: (folder / "ca.crt").write_bytes(b"\xff\xfe"),
            "6:21: server.tls.client_ca_file: the file holds no certificate in PEM. "
            "Expected `-----BEGIN CERTIFICATE-----`: those of the CA that signs your clients' certificates.",
        ),
        (
            lambda folder: (folder / "private" / "tls.key").write_bytes((folder / "tls.crt").read_bytes()),
            "5:15: server.tls.key_file: the file holds no private key in PEM. Expected `-----BEGIN PRIVATE KEY-----`.",
        ),
        (
            encrypted,
            "5:15: server.tls.key_file: the private key is encrypted. Nobody is there to type its password: "
            "write it without one (`openssl pkey`), readable by us alone.",
        ),
        (
            lambda folder: (folder / "private" / "tls.key").write_bytes(ours.issue().key),
            "5:15: server.tls.key_file: the private key does not belong to the first certificate of "
            "`certificate_file`. Both must come from the same issue of the certificate.",
        ),
        (
            lambda folder: (folder / "private" / "tls.key").write_bytes(
                trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("x").private_key_pem.bytes()
            ),
            "5:15: server.tls.key_file: the private key does not belong to the first certificate of "
            "`certificate_file`. Both must come from the same issue of the certificate.",
        ),
        (
            lambda folder: cut(folder / "private" / "tls.key"),
            "3:3: server.tls: OpenSSL refuses the certificate or its key. "
            "Write both again: one of the two is damaged, or too weak.",
        ),
    ],
    ids=[
        "missing",
        "unreadable",
        "too long",
        "cut",
        "no text",
        "no key",
        "encrypted",
        "key of another",
        "other kind of key",
        "half a key",
    ],
)
def test_a_file_that_cannot_be_used_is_refused(folder: Path, spoil: Spoil, said: str) -> None:
    """In words that say what to do; the content of a file is never quoted."""
    spoil(folder)
    with pytest.raises(ConfigInvalid) as refused:
        read(folder)
    assert str(refused.value) == f"{folder / 'llm-extproc.yaml'}:{said}"


def test_several_files_are_told_at_once(folder: Path) -> None:
    """Each at its line, beside what is wrong with prompts."""
    for name in ("tls.crt", "ca.crt", "prompt.txt"):
        (folder / name).unlink()
    with pytest.raises(ConfigInvalid) as refused:
        read(folder)
    keys = [problem.path.rpartition(".")[2] for problem in refused.value.problems]
    assert keys == ["certificate_file", "client_ca_file", "file"]


def test_an_expired_certificate_is_a_warning(folder: Path) -> None:
    """Clients may refuse it; without it there would be nobody for them to refuse, and no reload of a new one."""
    identity = ours.issue(expired=True)
    (folder / "tls.crt").write_bytes(identity.certificate)
    (folder / "private" / "tls.key").write_bytes(identity.key)
    files = read(folder)
    (warning,) = files.loaded.warnings
    assert files.certificates is not None
    assert warning.severity is Severity.WARNING
    assert str(warning).endswith(
        ":4:23: warning: server.tls.certificate_file: clients will refuse the certificate (certificate has expired). "
        "Renew it: a new one is used as soon as it is there."
    )


def test_words_between_the_blocks_are_no_mistake(folder: Path) -> None:
    """Tools write names there, in any language."""
    with_text(folder / "tls.crt")
    with_text(folder / "ca.crt")
    assert read(folder).certificates is not None


def test_where_nothing_is_served_no_certificate_is_looked_for(folder: Path) -> None:
    """Envoy's configuration is made on machines that have no keys."""
    (folder / "private" / "tls.key").unlink()
    assert read_config(folder / "llm-extproc.yaml").certificates is None


@pytest.mark.parametrize("name", ["tls.crt", "private/tls.key", "ca.crt"])
def test_a_change_of_any_of_the_files_is_noticed(folder: Path, name: str) -> None:
    """Also when it had been missing."""
    reader = ConfigReader(folder / "llm-extproc.yaml")
    reader.read()
    assert not reader.changed()
    (folder / name).unlink()
    assert reader.changed()
    with pytest.raises(ConfigInvalid):
        reader.read()
    assert not reader.changed()
    (folder / name).write_bytes(b"later")
    assert reader.changed()


def test_how_long_certificates_are_valid_is_known() -> None:
    """Of one that has expired too, which is when it matters."""
    identity = ours.issue(expired=True)
    found = validities(Certificates(identity.certificate, identity.key, ours.pem))
    assert found["server"] == (LAST_YEAR.timestamp(), LAST_YEAR.timestamp() + 30 * 86_400)
    begins_s, ends_s = found["client_ca"]
    assert begins_s < time.time() < ends_s
    assert validities(Certificates(identity.certificate, identity.key)) == {"server": found["server"]}


def test_of_several_client_authorities_the_first_to_end_counts() -> None:
    """From then on some clients cannot connect."""
    identity, short = ours.issue(), self_signed(days=3)
    both = Certificates(identity.certificate, identity.key, ours.pem + short)
    begins_s, ends_s = validities(both)["client_ca"]
    assert ends_s - begins_s == 3 * 86_400


def self_signed(days: int) -> bytes:
    """A CA that ends soon."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", "/dev/null", "-subj", "/CN=short", "-days", str(days)]
    return subprocess.run(command, capture_output=True, check=True).stdout
