"""Takes an object of a file apart, member by member, and notes what does not fit: types, forms, unknown members."""

from __future__ import annotations

import json
from collections.abc import Iterable

from podrole.doctor.similarity import nearest
from podrole.iam.spans import Position
from podrole.setup.text_forms import Form, any_text
from podrole.setup.yaml_positions import Located, Member, Problems

_MOST_SHOWN = 120


class Section:
    """An object of the file. Each member is taken by its name; ``close`` reports those that nobody took.

    ``path`` names the object in messages (``iam.serviceAccounts[0]``), empty for the whole file. A member without a
    value (``tags:``) counts as absent.
    """

    def __init__(self, located: Located, path: str, problems: Problems) -> None:
        self.path = path
        self.position = located.position
        self.problems = problems
        self._members: dict[str, Member] = located.value if isinstance(located.value, dict) else {}
        self._taken: set[str] = set()
        self._missing: dict[str, str] = {}
        self.is_object = isinstance(located.value, dict)
        if not self.is_object:
            _wrong_type(problems, path or "the file", located, "an object with members")

    def __contains__(self, name: str) -> bool:
        return name in self._members and self._members[name].value.value is not None

    def is_set(self, name: str) -> bool:
        """Say whether a member is there and is not ``false``."""
        return name in self and self._members[name].value.value is not False

    def has_set_members(self) -> bool:
        """Say whether any member is there and is not ``false``."""
        return any(self.is_set(name) for name in self._members)

    def place_of(self, name: str) -> Position:
        """Return where a member's name stands; where the object begins if it is not there."""
        return self._members[name].position if name in self._members else self.position

    def path_of(self, name: str) -> str:
        """Return how messages name a member."""
        return f"{self.path}.{name}" if self.path else name

    def report(self, name: str, message: str) -> None:
        """Note a problem of a member, at its name."""
        self.problems.add(self.place_of(name), f"{self.path_of(name)}: {message}")

    def value(self, name: str) -> Located | None:
        """Return a member of any type."""
        self._taken.add(name)
        return self._members[name].value if name in self else None

    def text(self, name: str, form: Form = any_text) -> str | None:
        """Return a member that is text."""
        located = self.value(name)
        return None if located is None else _text(self.problems, self.path_of(name), located, form)

    def required_text(self, name: str, form: Form = any_text) -> str:
        """Return a member that must be there; an empty text if it is not, or does not fit."""
        self.require(name)
        return self.text(name, form) or ""

    def require(self, name: str, purpose: str = "") -> None:
        """Have ``close`` note that a member is missing if it is."""
        if name not in self:
            self._missing[name] = purpose

    def flag(self, name: str) -> bool:
        """Return a member that is true or false; False if it is absent."""
        located = self.value(name)
        if located is None:
            return False
        if isinstance(located.value, bool):
            return located.value
        _wrong_type(self.problems, self.path_of(name), located, "true or false")
        return False

    def texts(self, name: str, form: Form = any_text) -> tuple[str, ...]:
        """Return a list of texts, each of them once."""
        path = self.path_of(name)
        texts = (_text(self.problems, f"{path}[{index}]", item, form) for index, item in enumerate(self._items(name)))
        return tuple(dict.fromkeys(text for text in texts if text is not None))

    def text_map(self, name: str, key_form: Form, value_form: Form) -> dict[str, str]:
        """Return an object whose members have any name that fits and are texts."""
        located = self.value(name)
        if located is None:
            return {}
        path = self.path_of(name)
        if not isinstance(located.value, dict):
            _wrong_type(self.problems, path, located, "an object whose members are texts")
            return {}
        texts: dict[str, str] = {}
        for key, member in located.value.items():
            expected = key_form(key)
            if expected is not None:
                self.problems.add(member.position, f"{path}: got the key {_quoted(key)}, expected {expected}")
            text = _text(self.problems, f"{path}[{json.dumps(key)}]", member.value, value_form)
            if text is not None:
                texts[key] = text
        return texts

    def section(self, name: str) -> Section | None:
        """Return an object; None if it is absent or something else."""
        located = self.value(name)
        section = None if located is None else Section(located, self.path_of(name), self.problems)
        return section if section is not None and section.is_object else None

    def sections(self, name: str) -> list[Section]:
        """Return the objects of a list."""
        path = self.path_of(name)
        items = enumerate(self._items(name))
        sections = [Section(item, f"{path}[{index}]", self.problems) for index, item in items]
        return [section for section in sections if section.is_object]

    def leave(self, names: Iterable[str]) -> list[str]:
        """Take members without reading them; return how messages name those that are there."""
        present = [name for name in names if name in self]
        self._taken.update(names)
        return [self.path_of(name) for name in present]

    def others(self) -> list[str]:
        """Return the names of the members that nobody has taken, in the order of the file."""
        return [name for name in self._members if name not in self._taken]

    def close(self) -> None:
        """Note every member that nobody has taken as unknown, and those that are missing and not just misspelt."""
        for name in self.others():
            likely = nearest(name, self._taken)
            self._missing.pop(likely or "", None)
            here = f"of {self.path}" if self.path else "of a ClusterConfig"
            advice = f"did you mean {likely}?" if likely else f"expected one of {', '.join(sorted(self._taken))}"
            self.problems.add(self.place_of(name), f"{_quoted(name)} is not a member {here}: {advice}")
        for name, purpose in self._missing.items():
            self.problems.add(self.position, f"{self.path_of(name)} is missing{purpose}")

    def _items(self, name: str) -> list[Located]:
        located = self.value(name)
        if located is None:
            return []
        if isinstance(located.value, list):
            return located.value
        _wrong_type(self.problems, self.path_of(name), located, "a list")
        return []


def _text(problems: Problems, path: str, located: Located, form: Form) -> str | None:
    if not isinstance(located.value, str):
        _wrong_type(problems, path, located, "text")
        return None
    expected = form(located.value)
    if expected is not None:
        problems.add(located.position, f"{path}: got {_quoted(located.value)}, expected {expected}")
        return None
    return located.value


def _wrong_type(problems: Problems, path: str, located: Located, expected: str) -> None:
    value = located.value
    quotes = " in quotes" if expected == "text" and isinstance(value, (int, float)) else ""
    problems.add(located.position, f"{path}: got {_described(value)}, expected {expected}{quotes}")


def _described(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {value}"
    return "nothing" if value is None else f"the text {_quoted(str(value))}"


def _quoted(text: str) -> str:
    shown = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
    return json.dumps(shown, ensure_ascii=False)
