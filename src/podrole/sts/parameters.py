"""Parameters of STS operations, validated as the API's model says.

All violations of one request go into one message, in the form that AWS's services share. Limits and patterns are
those of https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html and its siblings. A parameter that the
model does not know is passed over, as AWS does; a list whose elements are not named as the query protocol names them
is refused, because a policy that limits a session must not be lost by a typing error.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from podrole.sts.denial import Denied, Step, denied

MIN_DURATION, MAX_DURATION, DEFAULT_DURATION = 900, 43_200, 3_600
MAX_USER_DURATION, DEFAULT_USER_DURATION = 129_600, 43_200
"""Of GetSessionToken and GetFederationToken, in seconds."""
MAX_ENCODED_MESSAGE = 10_240
"""Characters of the message that DecodeAuthorizationMessage takes."""
MAX_POLICY_ARNS = 10
MAX_TAGS = 50
_ELEMENT = re.compile(r"member\.([1-9][0-9]{0,3})(?:\.(\w+))?", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)

# Patterns as AWS prints them, and what they mean to Python, whose \u takes four digits and whose re knows no \p.
_PRINTABLE = r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+"
_POLICY_TEXT = r"[\u0009\u000A\u000D\u0020-\u00FF]+"
_TAG_KEY, _TAG_VALUE = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"
_NAME = r"[\w+=,.@-]*"
_IN_PYTHON = {
    _PRINTABLE: "[\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+",
    _POLICY_TEXT: "[\t\n\r\x20-\xff]+",
}
_ASCII_TAG = re.compile(r"[A-Za-z0-9 _.:/=+\-@]*", re.ASCII)


def is_tag_text(text: str) -> bool:
    r"""Say whether all of ``text`` may stand in a tag: letters, blanks and digits of any script, and ``_.:/=+-@``."""
    return all(
        _ASCII_TAG.fullmatch(piece) is not None if piece.isascii() else unicodedata.category(piece)[0] in "LZN"
        for piece in ([text] if text.isascii() else text)
    )


@dataclass(frozen=True, slots=True)
class Text:
    """A text parameter: its length in characters and the pattern of all of it. A sensitive value is not repeated."""

    name: str
    minimum: int
    maximum: int | None
    pattern: str | None = None
    required: bool = False
    sensitive: bool = False
    _fits: Callable[[str], object] | None = field(init=False)

    def __post_init__(self) -> None:
        """Choose how the pattern is matched."""
        fits: Callable[[str], object] | None = None
        if self.pattern in (_TAG_KEY, _TAG_VALUE):
            fits = is_tag_text
        elif self.pattern is not None:
            fits = re.compile(_IN_PYTHON.get(self.pattern, self.pattern), re.ASCII).fullmatch
        object.__setattr__(self, "_fits", fits)

    def faults(self, value: str | None) -> list[str]:
        """Return what is wrong with ``value``, None for a parameter that was not given."""
        if value is None:
            if not self.required:
                return []
            return [f"Value null at '{_member_name(self.name)}' failed to satisfy constraint: Member must not be null"]
        constraints: list[str] = []
        if self._fits is not None and not self._fits(value):
            constraints.append(f"Member must satisfy regular expression pattern: {self.pattern}")
        if len(value) < self.minimum:
            constraints.append(f"Member must have length greater than or equal to {self.minimum}")
        if self.maximum is not None and len(value) > self.maximum:
            constraints.append(f"Member must have length less than or equal to {self.maximum}")
        return [_fault(None if self.sensitive else value, self.name, constraint) for constraint in constraints]


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between two limits."""

    name: str
    minimum: int
    maximum: int

    def faults(self, value: str | None) -> list[str]:
        """Return what is wrong with ``value``, None for a parameter that was not given."""
        if value is None:
            return []
        if not _INTEGER.fullmatch(value):
            name = _member_name(self.name)
            return [f"Value '{value[:64]}' at '{name}' failed to satisfy constraint: Member must be an integer"]
        if int(value) < self.minimum:
            return [_fault(value, self.name, f"Member must have value greater than or equal to {self.minimum}")]
        if int(value) > self.maximum:
            return [_fault(value, self.name, f"Member must have value less than or equal to {self.maximum}")]
        return []


ROLE_ARN = Text("RoleArn", 20, 2_048, _PRINTABLE, required=True)
ROLE_SESSION_NAME = Text("RoleSessionName", 2, 64, _NAME, required=True)
WEB_IDENTITY_TOKEN = Text("WebIdentityToken", 4, 20_000, required=True, sensitive=True)
PROVIDER_ID = Text("ProviderId", 4, 2_048)
POLICY = Text("Policy", 1, 2_048, _POLICY_TEXT)
LONG_POLICY = Text("Policy", 1, None, _POLICY_TEXT)
DURATION_SECONDS = Integer("DurationSeconds", MIN_DURATION, MAX_DURATION)
USER_DURATION_SECONDS = Integer("DurationSeconds", MIN_DURATION, MAX_USER_DURATION)
TOKEN_SIZE = Integer("MinimumSessionTokenSize", 0, 4_096)
EXTERNAL_ID = Text("ExternalId", 2, 1_224, r"[\w+=,.@:\/-]*")
SOURCE_IDENTITY = Text("SourceIdentity", 2, 64, _NAME)
SERIAL_NUMBER = Text("SerialNumber", 9, 256, r"[\w+=/:,.@-]*")
TOKEN_CODE = Text("TokenCode", 6, 6, r"[\d]*")
FEDERATED_NAME = Text("Name", 2, 32, _NAME, required=True)
ACCESS_KEY_ID = Text("AccessKeyId", 16, 128, r"[\w]*", required=True)
ENCODED_MESSAGE = Text("EncodedMessage", 1, MAX_ENCODED_MESSAGE, required=True, sensitive=True)

WEB_IDENTITY_PARAMETERS = (
    ROLE_ARN,
    ROLE_SESSION_NAME,
    WEB_IDENTITY_TOKEN,
    PROVIDER_ID,
    POLICY,
    DURATION_SECONDS,
    TOKEN_SIZE,
)
ASSUME_ROLE_PARAMETERS = (
    ROLE_ARN,
    ROLE_SESSION_NAME,
    LONG_POLICY,
    DURATION_SECONDS,
    EXTERNAL_ID,
    SERIAL_NUMBER,
    TOKEN_CODE,
    SOURCE_IDENTITY,
    TOKEN_SIZE,
)
SESSION_TOKEN_PARAMETERS = (USER_DURATION_SECONDS, SERIAL_NUMBER, TOKEN_CODE, TOKEN_SIZE)
FEDERATION_PARAMETERS = (FEDERATED_NAME, POLICY, USER_DURATION_SECONDS, TOKEN_SIZE)
ACCESS_KEY_INFO_PARAMETERS = (ACCESS_KEY_ID,)
DECODE_MESSAGE_PARAMETERS = (ENCODED_MESSAGE,)


def validate(parameters: Mapping[str, str], model: Iterable[Text | Integer], lists: Sequence[str] = ()) -> None:
    """Raise Denied (ValidationError) naming every parameter that breaks the model.

    ``lists`` are those of ``PolicyArns``, ``Tags`` and ``TransitiveTagKeys`` that the operation takes; Denied
    (MalformedInput) for one whose elements are named otherwise than the query protocol does.
    """
    faults: list[str] = []
    for member in model:
        faults += member.faults(parameters.get(member.name))
    for name in lists:
        faults += _LIST_FAULTS[name](parameters)
    if faults:
        raise validation_error(faults)


def policy_arns(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Return ``PolicyArns`` of validated parameters, in the order of their numbers."""
    return tuple(element.get("arn", "") for _, element in _elements(parameters, "PolicyArns", "arn"))


def tags(parameters: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return ``Tags`` of validated parameters as pairs."""
    return [(element.get("Key", ""), element.get("Value", "")) for _, element in _tag_elements(parameters)]


def transitive_tag_keys(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Return ``TransitiveTagKeys`` of validated parameters."""
    return tuple(element[""] for _, element in _elements(parameters, "TransitiveTagKeys"))


def integer(parameters: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number of validated parameters."""
    return int(parameters.get(name, default))


def validation_error(faults: list[str]) -> Denied:
    """Return the one error that names all ``faults``."""
    noun = "error" if len(faults) == 1 else "errors"
    message = f"{len(faults)} validation {noun} detected: " + "; ".join(faults)
    return denied(Step.PARAMETERS, "ValidationError", message, "The parameters break the API's limits.")


def _elements(parameters: Mapping[str, str], name: str, *members: str) -> list[tuple[int, dict[str, str]]]:
    """Return the elements of a list by their numbers; of plain values each is the one member ``""``."""
    by_index: dict[int, dict[str, str]] = {}
    prefix = name + "."
    for key in [key for key in parameters if key.startswith(name)]:
        value = parameters[key]
        if not key.startswith(prefix):
            if key == name and value:  # empty, it is how SDKs write an empty list
                raise _malformed(key)
            continue
        element = _ELEMENT.fullmatch(key, len(prefix))
        if element is None or (element[2] not in members if members else element[2] is not None):
            raise _malformed(key)
        by_index.setdefault(int(element[1]), {})[element[2] or ""] = value
    return sorted(by_index.items())


def _tag_elements(parameters: Mapping[str, str]) -> list[tuple[int, dict[str, str]]]:
    return _elements(parameters, "Tags", "Key", "Value")


def _policy_arn_faults(parameters: Mapping[str, str]) -> list[str]:
    elements = _elements(parameters, "PolicyArns", "arn")
    if len(elements) > MAX_POLICY_ARNS:
        shown = ", ".join(f"PolicyDescriptorType(arn={element['arn']})" for _, element in elements)
        return [_too_many(shown, "policyArns", MAX_POLICY_ARNS)]
    faults: list[str] = []
    for number, element in elements:
        faults += Text(f"policyArns.{number}.member.arn", 20, 2_048, _PRINTABLE).faults(element["arn"])
    return faults


def _tag_faults(parameters: Mapping[str, str]) -> list[str]:
    elements = _tag_elements(parameters)
    if len(elements) > MAX_TAGS:
        shown = ", ".join(f"Tag(key={element.get('Key')}, value={element.get('Value')})" for _, element in elements)
        return [_too_many(shown, "tags", MAX_TAGS)]
    faults: list[str] = []
    for number, element in elements:
        faults += Text(f"tags.{number}.member.key", 1, 128, _TAG_KEY, required=True).faults(element.get("Key"))
        faults += Text(f"tags.{number}.member.value", 0, 256, _TAG_VALUE, required=True).faults(element.get("Value"))
    return faults


def _transitive_faults(parameters: Mapping[str, str]) -> list[str]:
    elements = _elements(parameters, "TransitiveTagKeys")
    if len(elements) > MAX_TAGS:
        return [_too_many(", ".join(element[""] for _, element in elements), "transitiveTagKeys", MAX_TAGS)]
    faults: list[str] = []
    for number, element in elements:
        faults += Text(f"transitiveTagKeys.{number}.member", 1, 128, _TAG_KEY).faults(element[""])
    return faults


_LIST_FAULTS = {"PolicyArns": _policy_arn_faults, "Tags": _tag_faults, "TransitiveTagKeys": _transitive_faults}


def _malformed(key: str) -> Denied:
    return denied(
        Step.PARAMETERS,
        "MalformedInput",
        "Unexpected list element termination",
        "The name of a list's element is not one of the query protocol.",
        got=repr(key[:64]),
        expected="such as PolicyArns.member.1.arn or Tags.member.1.Key",
    )


def _too_many(shown: str, name: str, maximum: int) -> str:
    return _fault(f"[{shown}]", name, f"Member must have length less than or equal to {maximum}")


def _fault(value: str | None, name: str, constraint: str) -> str:
    shown = "Value" if value is None else f"Value '{value}'"
    return f"{shown} at '{_member_name(name)}' failed to satisfy constraint: {constraint}"


def _member_name(name: str) -> str:
    return name[0].lower() + name[1:]
