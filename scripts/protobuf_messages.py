"""Write the protobuf tables with which the embedded cluster reads bodies (``wire/messages.txt``).

    python scripts/protobuf_messages.py                      the tables, from the numbers beside this script
    python scripts/protobuf_messages.py numbers API MACHINE  the numbers, from checkouts of k8s.io/api and
                                                             k8s.io/apimachinery at the version below

No package that can be installed holds the field numbers: ``protobuf_numbers.txt`` has those of the types that are
served, read off the struct tags of Kubernetes' published Go types. The types of the fields are those of the OpenAPI
extract. A test checks that the tables are what this script writes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = "v0.36.3"
HERE = Path(__file__).parent
NUMBERS = HERE / "protobuf_numbers.txt"
TARGET = HERE.parent / "src/podrole/cluster/wire/messages.txt"

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
SPECIAL = {
    f"{META}.Time": "meta.Time",
    f"{META}.MicroTime": "meta.MicroTime",
    f"{META}.FieldsV1": "meta.FieldsV1",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "res.Quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intstr.IntOrString",
}
"""Messages that the decoder knows by itself."""

_NOT_READ = {
    "authz": "FieldSelectorAttributes LabelSelectorAttributes",
    "batch": "PodFailurePolicy SuccessPolicy",
    "core": (
        "AWSElasticBlockStoreVolumeSource Affinity AppArmorProfile AzureDiskVolumeSource "
        "AzureFileVolumeSource CSIVolumeSource CephFSVolumeSource CinderVolumeSource "
        "ClusterTrustBundleProjection ContainerResizePolicy ContainerRestartRule EphemeralContainer "
        "EphemeralVolumeSource FCVolumeSource FileKeySelector FlexVolumeSource FlockerVolumeSource "
        "GCEPersistentDiskVolumeSource GRPCAction GitRepoVolumeSource GlusterfsVolumeSource HostAlias "
        "ISCSIVolumeSource ImageVolumeSource Lifecycle NFSVolumeSource PersistentVolumeClaimVolumeSource "
        "PhotonPersistentDiskVolumeSource PodCertificateProjection PodDNSConfig PodOS PodReadinessGate "
        "PodResourceClaim PodSchedulingGate PodSchedulingGroup PortworxVolumeSource QuobyteVolumeSource "
        "RBDVolumeSource ResourceClaim SELinuxOptions ScaleIOVolumeSource SessionAffinityConfig "
        "StorageOSVolumeSource Sysctl TopologySpreadConstraint VolumeDevice VsphereVirtualDiskVolumeSource "
        "WindowsSecurityContextOptions"
    ),
}
NOT_READ = frozenset(f"{package}.{name}" for package, names in _NOT_READ.items() for name in names.split())
"""Messages that no command of kubectl writes: they are refused by name, and read in JSON and YAML."""


@dataclass(frozen=True, slots=True)
class Number:
    """A field: its JSON name, or the name of the message that is written into the object around it."""

    name: str
    number: int
    pointer: bool
    inline: bool


Numbers = Mapping[str, tuple[Number, ...]]

# The numbers, from the Go types

_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r'^\s*(?:(\w+)\s+)?(\S+)\s+`[^`]*json:"([^",]*)(?:,[^"]*)?"[^`]*protobuf:"\w+,(\d+)', re.MULTILINE)


def numbers_of(api: Path, machine: Path) -> str:
    """Return the text of NUMBERS: the numbers of all types that are served, and of those written into them."""
    from podrole.cluster.wire.messages import PACKAGES

    sources = {short: api / folder / "v1/types.go" for short, (folder, _) in PACKAGES.items()}
    sources["meta"] = machine / "pkg/apis/meta/v1/types.go"
    types: dict[str, list[str]] = {}
    inlined: set[str] = set()
    for short, source in sorted(sources.items()):
        for match in _STRUCT.finditer(source.read_text()):
            fields = list(_fields(short, match[2]))
            if fields:
                types[f"{short}.{match[1]}"] = fields
                inlined.update(one[1:].split()[0] for one in fields if one.startswith("="))
    served = {short_name(name) for name in definitions()}
    lines = [f"{name}: {', '.join(fields)}" for name, fields in sorted(types.items()) if name in served | inlined]
    heading = (
        f"# Field numbers of k8s.io/api and k8s.io/apimachinery {VERSION}. * marks a pointer, = a field that is",
        "# written into the object around it. Written by scripts/protobuf_messages.py.",
    )
    return "".join(f"{line}\n" for line in (*heading, *lines))


def _fields(short: str, body: str) -> Iterator[str]:
    code = "\n".join(line for line in body.split("\n") if not line.lstrip().startswith("//"))
    for go_name, go_type, name, number in _FIELD.findall(code):
        if name:
            yield f"{name} {number}{'*' if go_type.startswith('*') else ''}"
        elif not go_name and go_type != "metav1.TypeMeta":
            yield f"={short}.{go_type} {number}"


# The tables, from the numbers and the schemas


def definitions() -> Mapping[str, Any]:
    from podrole.cluster.schema.types import extract

    return extract()


def short_name(name: str) -> str:
    """Return ``core.Pod`` for ``io.k8s.api.core.v1.Pod``."""
    from podrole.cluster.wire.messages import PACKAGES

    special = SPECIAL.get(name)
    if special is not None:
        return special
    package, _, kind = name.rpartition(".")
    if package == META:
        return f"meta.{kind}"
    folder = package.removeprefix("io.k8s.api.").removesuffix(".v1")
    return next((f"{short}.{kind}" for short, (known, _) in PACKAGES.items() if known == folder), name)


def read_numbers(text: str) -> Numbers:
    numbers: dict[str, tuple[Number, ...]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, _, fields = line.partition(": ")
        numbers[name] = tuple(_number(*field.split()) for field in fields.split(", "))
    return numbers


def _number(name: str, number: str) -> Number:
    return Number(name.removeprefix("="), int(number.rstrip("*")), number.endswith("*"), name.startswith("="))


def tables(numbers: Numbers) -> dict[str, str]:
    """Return the row of each message that a body can hold."""
    from podrole.cluster.wire.messages import KINDS

    schemas = {short_name(name): schema for name, schema in definitions().items()}
    rows: dict[str, str] = {}
    waiting = [(name, schemas[name]) for name in ("meta.DeleteOptions", *KINDS.values())]
    while waiting:
        name, schema = waiting.pop()
        if name in rows or name in NOT_READ or name in SPECIAL.values():
            continue
        if name.endswith("Status"):
            rows[name] = ""  # the server's to write
            continue
        entries = []
        for field in sorted(numbers[name], key=lambda one: one.number):
            if field.inline:
                # OpenAPI has the fields of the inner message in the outer one.
                waiting.append((field.name, schemas.get(field.name, schema)))
                inner = field.name.rpartition(".")[2]
                entries.append(f"{field.number} {inner[0].lower()}{inner[1:]}:{field.name}=")
                continue
            form, target = _form(schema["properties"][field.name])
            if target in schemas:
                waiting.append((target, schemas[target]))
            scalar = form in ("", ":int", ":bool")
            entries.append(f"{field.number} {field.name}{form}{'*' if field.pointer and scalar else ''}")
        rows[name] = ", ".join(entries)
    return dict(sorted(rows.items()))


def _form(schema: Mapping[str, Any]) -> tuple[str, str]:
    """Return how a field's type is written in a row, and the message that it refers to, '' if to none."""
    if "$ref" in schema:
        target = short_name(schema["$ref"])
        return f":{target}", target
    match schema.get("type"):
        case "array":
            form, target = _form(schema["items"])
            return f"{form}[]", target
        case "object" if "additionalProperties" in schema:
            form, target = _form(schema["additionalProperties"])
            return f"{form}{{}}", target
        case "string":
            return (":bytes", "") if schema.get("format") == "byte" else ("", "")
        case "integer":
            return ":int", ""
        case "boolean":
            return ":bool", ""
    raise ValueError(f"a type that the tables cannot hold: {schema}")


def document() -> str:
    """Return the text of the tables that the committed numbers make."""
    rows = tables(read_numbers(NUMBERS.read_text()))
    return "".join(f"{name}: {row}".rstrip() + "\n" for name, row in rows.items())


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["numbers"] and len(arguments) == 3:
        NUMBERS.write_text(numbers_of(Path(arguments[1]), Path(arguments[2])))
    elif arguments:
        print(__doc__)
        return 2
    TARGET.write_text(document())
    print(f"{TARGET.name}: {len(TARGET.read_text().splitlines())} messages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
