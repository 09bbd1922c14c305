"""The section `envoy`: what `extproc envoy-config` generates, and how Envoy reaches the processor."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extproc.config.section import EnvoysPath, FolderPath, HostPort, Section, ServerName


class EnvoyProcessor(Section):
    """How Envoy reaches a shared processor. Files are paths on Envoy's machine."""

    address: HostPort | None = Field(default=None, description="HOST:PORT; default: `server.listen`, on this machine")
    ca_file: EnvoysPath | None = Field(
        default=None, description="CA in PEM that signed `server.tls.certificate_file`; a path on Envoy's machine"
    )
    server_name: ServerName | None = Field(
        default=None, description="expected name in that certificate; default: the host of the address"
    )
    certificate_file: EnvoysPath | None = Field(
        default=None, description="client certificate of Envoy in PEM, for `server.tls.client_ca_file`"
    )
    key_file: EnvoysPath | None = Field(default=None, description="private key of that certificate in PEM")
    sds_folder: EnvoysPath | None = Field(
        default=None,
        description="folder with the output of `envoy-config --sds`; Envoy reloads renewed files without a restart",
    )


class EnvoyTls(Section):
    """TLS of clients. Files are paths on Envoy's machine, and Envoy reads them at its start."""

    certificate_file: EnvoysPath = Field(description="certificate of Envoy in PEM, followed by intermediates")
    key_file: EnvoysPath = Field(description="private key of that certificate in PEM")
    client_ca_file: EnvoysPath | None = Field(
        default=None,
        description=(
            "CA in PEM that must have signed a client's certificate, if it shows one: for `identity`, source"
            " `client_certificate`"
        ),
    )


class Envoy(Section):
    """Settings for `extproc envoy-config`."""

    listen: HostPort = Field(default="0.0.0.0:10000", description="address for clients")
    tls: EnvoyTls | None = Field(default=None, description="TLS on `listen`; default: none")
    admin: HostPort = Field(default="127.0.0.1:9901", description="address of Envoy's admin page")
    message_timeout_ms: int = Field(
        default=2_000, ge=50, le=600_000, description="Envoy's timeout for one reply of the processor"
    )
    long_message_timeout_ms: int = Field(
        default=10_000, ge=50, le=600_000, description="extended timeout, granted on demand, for a request above 16 KiB"
    )
    stream_idle_ms: int = Field(
        default=300_000,
        ge=1_000,
        le=86_400_000,
        description="idle timeout of a stream, including the time to the first token",
    )
    open_exchanges_max: int = Field(
        default=4_096,
        ge=1,
        le=1_000_000,
        description=(
            "exchanges that may be open at a time in one Envoy, for each version and for the processor; further"
            " requests get 503. Envoy may hold the bodies of as many"
        ),
    )
    response_stream_mode: Literal["full_duplex", "streamed"] = Field(
        default="full_duplex",
        description=(
            "`streamed`: next to another full-duplex filter; a stopped response then lasts until the upstream ends"
        ),
    )
    endpoint_picker: bool = Field(
        default=False,
        description=(
            "an endpoint picker of the Gateway API stands before the processor in an Envoy that `envoy-config` does not"
            " configure: `pick: load` picks nothing for a request that has its `x-gateway-destination-endpoint`"
        ),
    )
    folder: FolderPath | None = Field(
        default=None,
        description=(
            "folder in which `serve` keeps the listener, routes and clusters that Envoy watches, so that Envoy follows "
            "without a restart; default: none"
        ),
    )
    processor: EnvoyProcessor = Field(
        default_factory=EnvoyProcessor, description="how Envoy reaches the processor, when it is a shared service"
    )
