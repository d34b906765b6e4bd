"""The forms that names, labels and keys have (k8s.io/apimachinery ``util/validation``).

Each function returns what is wrong, in apimachinery's words, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from podrole.base.short_texts import cached_for_short_texts

NameRule = Callable[[str], list[str]]

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _LABEL + r"(\." + _LABEL + ")*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_PORT_NAME = "^[a-z0-9]+(-[a-z0-9]+)*$"


@cached_for_short_texts(1024)
def subdomain(value: str) -> list[str]:
    """RFC 1123 subdomain: what most objects are named by."""
    problems = [] if len(value) <= 253 else ["must be no more than 253 characters"]
    if not re.fullmatch(_SUBDOMAIN, value):
        problems.append(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            f"'{_SUBDOMAIN}')"
        )
    return problems


@cached_for_short_texts(1024)
def label(value: str) -> list[str]:
    """RFC 1123 label: namespaces, containers, volumes."""
    problems = [] if len(value) <= 63 else ["must be no more than 63 characters"]
    if not re.fullmatch(_LABEL, value):
        problems.append(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
            "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
            f"'{_LABEL}')"
        )
    return problems


def is_subdomain(value: str) -> bool:
    """Say whether a text is an RFC 1123 subdomain."""
    return not subdomain(value)


def is_label(value: str) -> bool:
    """Say whether a text is an RFC 1123 label."""
    return not label(value)


def label_1035(value: str) -> list[str]:
    """RFC 1035 label: services."""
    problems = [] if len(value) <= 63 else ["must be no more than 63 characters"]
    if not re.fullmatch(_LABEL_1035, value):
        problems.append(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
            "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
            f"validation is '{_LABEL_1035}')"
        )
    return problems


_TWO_SLASHES = (
    "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    f"'{_QUALIFIED}') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
)


@cached_for_short_texts(1024)
def qualified_name(value: str) -> list[str]:
    """A key of a label or annotation: a name, with a DNS prefix or without."""
    prefix, slash, name = value.rpartition("/")
    problems: list[str] = []
    if slash:
        if not prefix:
            problems.append("prefix part must be non-empty")
        else:
            problems.extend(f"prefix part {text}" for text in subdomain(prefix))
    if value.count("/") > 1:
        return [_TWO_SLASHES]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > 63:
        problems.append("name part must be no more than 63 characters")
    if not re.fullmatch(_QUALIFIED, name):
        problems.append(
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            f"'{_QUALIFIED}')"
        )
    return problems


@cached_for_short_texts(1024)
def label_value(value: str) -> list[str]:
    """Return what keeps a text from being a label's value, in the API server's words."""
    problems = [] if len(value) <= 63 else ["must be no more than 63 characters"]
    if not re.fullmatch(_LABEL_VALUE, value):
        problems.append(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
            f"for validation is '({_QUALIFIED})?')"
        )
    return problems


def config_key(value: str) -> list[str]:
    """A key in a ConfigMap or Secret: what can be a file name."""
    problems = [] if len(value) <= 253 else ["must be no more than 253 characters"]
    if not re.fullmatch(_CONFIG_KEY, value):
        problems.append(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
            f"'KEY_NAME',  or 'key-name', regex used for validation is '{_CONFIG_KEY}')"
        )
    if value == ".":
        problems.append("must not be '.'")
    elif value == "..":
        problems.append("must not be '..'")
    elif value.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def environment_name(value: str) -> list[str]:
    """The name of an environment variable, as Kubernetes takes them since 1.34: any printable ASCII but ``=``."""
    if value and all(" " <= character <= "~" and character != "=" for character in value):
        return []
    return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]


def port_name(value: str) -> list[str]:
    """An IANA service name."""
    problems = [] if len(value) <= 15 else ["must be no more than 15 characters"]
    if not re.fullmatch(_PORT_NAME, value):
        problems.append(
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), with no leading, trailing or "
            "consecutive hyphens"
        )
    if not any(character.isalpha() for character in value):
        problems.append("must contain at least one letter (a-z)")
    return problems


def path_segment(value: str) -> list[str]:
    """What can stand between two slashes of a URL: roles and their bindings."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{character}'" for character in ("/", "%") if character in value]


def generated(rule: NameRule) -> NameRule:
    """Return the rule for a ``generateName``, to which characters are yet to be added."""
    return lambda prefix: rule(f"{prefix[:-1]}a" if prefix.endswith("-") else prefix)
