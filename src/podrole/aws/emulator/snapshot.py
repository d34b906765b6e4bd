"""moto's state as bytes, and back, with every identifier as it was.

moto has no means of its own that keeps identifiers: its recorder replays requests, which gives new ones. So the objects
in its backends are written as a graph of plain data: classes by name, attributes by value, moto's own constants
(EC2's instance types) by name. Reading makes objects of those classes without calling anything of theirs and puts
their attributes into place, so nothing of the file is executed; only moto's classes, those of this package and a few
of the standard library are accepted, each by the name under which it was defined. A service that holds anything else
(a thread, another library's key) is left out.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import datetime
import decimal
import enum
import functools
import gc
import gzip
import importlib
import io
import ipaddress
import math
import re
import sys
import tempfile
import threading
import types
import uuid
import weakref
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import moto
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from moto import backends as moto_backends
from moto.core.base_backend import BackendDict

from podrole.base.errors import PodroleError

FORMAT = 1


class NotRestorable(PodroleError):
    """State that cannot be read back: of another version, or not written by podrole."""

    code = "not-restorable"


class _NotData(Exception):
    """A value that cannot be written as data; the message says which."""


class Contents(NamedTuple):
    """What a snapshot holds: the services in it, when it was taken (epoch seconds), and why each other service that was
    in use is not in it."""

    services: Sequence[str]
    taken_at: float
    left_out: Mapping[str, str]


class _File(msgspec.Struct):
    """What a snapshot holds. ``backends`` refers to a dict: service → account → region → backend."""

    format: int
    moto: str
    taken_at: float
    services: list[str]
    left_out: dict[str, str]
    backends: Any
    nodes: list[Any]


class Snapshot:
    """State as data that nothing changes any more, so that any thread may encode it."""

    def __init__(self, file: _File) -> None:
        self._file = file

    @property
    def contents(self) -> Contents:
        """What is in it."""
        return _contents(self._file)

    def encoded(self) -> bytes:
        """Return it as the bytes that ``restore`` reads."""
        return gzip.compress(msgspec.json.encode(self._file), 1)


def _contents(file: _File) -> Contents:
    return Contents(file.services, file.taken_at, file.left_out)


_backends_of: Callable[[str], Any] = cast("Any", moto_backends).get_backend  # moto types it for each single name
_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())
_ALLOWED = re.compile(
    r"moto\.(?!server|moto_proxy|moto_server)[a-z0-9_.]+|responses|werkzeug\.datastructures[a-z_.]*"
    r"|py_partiql_parser\.[a-z_.]+|podrole\.aws\.emulator\.(cloudformation_iam|iam_backend)"
)


# Both ways


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Make no search for garbage meanwhile: each would walk through all that is being made, and find nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_no_collection()
def take(now: float, *, without: Collection[str] = ()) -> Snapshot:
    """Return the state of every service in use but those in ``without``. Runs in moto's thread.

    One graph holds all services, because a stack's resources are the same objects as the services' own.
    """
    state = {name: _plain(backends) for name, backends in _in_use().items() if name not in without}
    left_out: dict[str, str] = {}
    try:
        writer, root = _written(state)
    except _NotData:  # find out which service it is, and do without it
        for name, backends in state.items():
            try:
                _written({name: backends})
            except _NotData as problem:
                left_out[name] = f"it holds {problem}"
        writer, root = _written({name: backends for name, backends in state.items() if name not in left_out})
    services = sorted(state.keys() - left_out.keys())
    return Snapshot(_File(FORMAT, moto.__version__, now, services, left_out, root, writer.nodes))


_State = Mapping[str, Mapping[str, Mapping[str, Any]]]


def _plain(backends: Any) -> Mapping[str, Mapping[str, Any]]:
    """Return backends by account and region, as plain dicts."""
    return {account: dict(dict.items(regions)) for account, regions in dict.items(backends)}


def _in_use() -> dict[str, Any]:
    return {backends.service_name: backends for backends in cast("Any", BackendDict)._instances}


def _written(state: _State) -> tuple[_Writer, Any]:
    elsewhere = {
        id(backend): f"{name}/{account}/{region}"
        for name, backends in _in_use().items()
        if name not in state
        for account, regions in dict.items(backends)
        for region, backend in dict.items(regions)
    }
    writer = _Writer(elsewhere)
    return writer, writer.write(state)


@_no_collection()
def restore(content: bytes) -> Contents:
    """Put the state of a snapshot in the place of the present one; return what it holds. Runs in moto's thread.

    Raises NotRestorable, with nothing changed, for a snapshot of another version or one that cannot be read.
    """
    try:
        file = msgspec.json.decode(gzip.decompress(content), type=_File)
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError) as problem:
        raise NotRestorable(f"The snapshot of the services cannot be read: {problem}.") from problem
    if (file.format, file.moto) != (FORMAT, moto.__version__):
        raise NotRestorable(
            "The snapshot of the services is of another version.",
            got=f"format {file.format}, moto {file.moto}",
            expected=f"format {FORMAT}, moto {moto.__version__}",
            next_step="Install that version, or go on without the services' state.",
        )
    try:
        state = _Reader(file.nodes, _backend).read(file.backends)
        places = [
            (_backends_of(name)[account], region, backend)
            for name, accounts in state.items()
            for account, regions in accounts.items()
            for region, backend in regions.items()
        ]
    except Exception as problem:  # a damaged or made-up graph can fail in any way
        raise NotRestorable(f"The snapshot of the services cannot be read: {problem}.") from problem
    for regions, region, backend in places:
        dict.__setitem__(regions, region, backend)
    return _contents(file)


def _backend(name: str) -> object:
    service, account, region = name.split("/", 2)
    return _backends_of(service)[account][region]


def _constants() -> dict[str, Any]:
    """Return the data that moto's modules share (EC2's instance types and their offerings), by module and name."""
    return {
        f"{module_name}:{name}": value
        for module_name, module in list(sys.modules.items())
        if module_name.startswith("moto.")
        for name, value in list(vars(module).items())
        if name.isupper() and isinstance(value, dict | list) and value
    }


# Writing


class _Writer:
    """Writes one service's objects; an object that is met again is written as a reference."""

    def __init__(self, foreign: Mapping[int, str]) -> None:
        """``foreign`` are the backends that are not written, by their ``id()``."""
        self._named = {id(value): {"constant": name} for name, value in _constants().items()}
        self._named.update((number, {"foreign": name}) for number, name in foreign.items())
        self.nodes: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []  # so that no id() is reused while writing

    def write(self, root: object) -> Any:
        """Return the data of ``root``. Raises _NotData."""
        # A work list instead of recursion: graphs are deeper than Python's stack.
        result = self._reference(root)
        done = 0
        while done < len(self._kept):
            self.nodes.append(None)
            self.nodes[done] = self._node(self._kept[done])
            done += 1
        return result

    def _reference(self, value: object) -> Any:
        kind = type(value)
        if kind is str or value is None or kind is bool:
            return value
        if isinstance(value, float) and kind is float:
            return value if math.isfinite(value) else {"f": repr(value)}
        if isinstance(value, int) and kind is int:
            return value if abs(value) <= 2**53 else {"n": str(value)}
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._kept)
            self._kept.append(value)
        return {"r": number}

    def _node(self, value: Any) -> Any:
        named = self._named.get(id(value))
        if named is not None:
            return named
        kind: Any = type(value)
        leaf = _leaf_of(kind)
        if leaf is not None:
            return {leaf.name: leaf.write(value)}
        if kind in (list, tuple, set, frozenset, collections.deque):
            return {kind.__name__: [self._reference(item) for item in value]}
        if kind is dict:
            return {"dict": [[self._reference(key), self._reference(item)] for key, item in value.items()]}
        if type(value).__module__.startswith("joserfc."):  # the key of a Cognito user pool
            return {"jwk": value.as_dict(private=True)}
        if isinstance(value, enum.Enum):
            return {"enum": _name_of(type(value)), "name": value.name}
        if isinstance(value, type):
            return {"class": _name_of(value)}
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return self._method(value)
        if isinstance(value, functools.partial):
            raise _NotData("a partial function")
        return self._container(value)

    def _method(self, method: types.MethodType) -> Any:
        name = method.__func__.__name__
        if _method_of(type(method.__self__), name) is not method.__func__:
            raise _NotData(f"the method {method.__qualname__}")
        return {"method": name, "of": self._reference(method.__self__)}

    def _function(self, function: types.FunctionType) -> Any:
        if "<locals>" not in function.__qualname__:
            return {"function": _name_of(function)}
        # A function made inside another one: where its code stands in that one's, and the values that it has captured.
        outer = f"{function.__module__}:{function.__qualname__.rpartition('.<locals>.')[0]}"
        codes = _codes_in(outer)
        if function.__code__ not in codes or function.__defaults__ or function.__kwdefaults__:
            raise _NotData(f"the function {function.__qualname__}")
        captured = [self._reference(cell.cell_contents) for cell in function.__closure__ or ()]
        return {"local": outer, "code": codes.index(function.__code__), "captured": captured}

    def _container(self, value: Any) -> Any:
        ref, kind = self._reference, cast("Any", type(value))
        node: dict[str, Any] = {}
        if isinstance(value, weakref.WeakValueDictionary):
            return {"weak": [[ref(key), ref(item)] for key, item in value.items()]}
        if isinstance(value, dict):
            node["items"] = [[ref(key), ref(item)] for key, item in dict.items(value)]
        elif isinstance(value, list | tuple | set | collections.deque):
            node["members"] = [ref(item) for item in value]
        elif isinstance(value, str | bytes | int | float):
            node["value"] = base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
        if isinstance(value, collections.defaultdict):
            node["factory"] = ref(value.default_factory)
        node["object"] = _name_of(kind)
        attributes = dict(getattr(value, "__dict__", {}))
        for name, slot in _slots(kind).items():
            with contextlib.suppress(AttributeError):  # nothing is in it
                attributes[name] = slot.__get__(value)
        if attributes:
            node["attributes"] = [[name, ref(item)] for name, item in attributes.items()]
        return node


@functools.cache
def _name_of(thing: Any) -> str:
    name = f"{thing.__module__}:{thing.__qualname__}"
    if _look_up(name) is not thing:
        raise _NotData(f"{name}, which cannot be found by its name")
    return name


@functools.cache
def _slots(kind: type) -> dict[str, types.MemberDescriptorType]:
    """Return the places of attributes that are not in an object's ``__dict__``."""
    return {
        name: slot
        for base in kind.__mro__
        for name, slot in vars(base).items()
        if isinstance(slot, types.MemberDescriptorType)
    }


def _method_of(kind: type, name: str) -> object:
    """Return the function that a class has under a name, without asking the class for it."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def _codes_in(outer: str) -> list[types.CodeType]:
    """Return the code of the functions that are made inside a function of moto's."""
    function = _look_up(outer)
    constants = function.__code__.co_consts if isinstance(function, types.FunctionType) else ()
    return [constant for constant in constants if isinstance(constant, types.CodeType)]


# Reading


def _look_up(name: str) -> Any:
    """Return the class or function with that name; of moto's own modules, or one of a few of the standard library.

    It is found only where it is defined: a module's imports are not its own.
    """
    module, _, path = name.partition(":")
    if name not in _STANDARD and not _ALLOWED.fullmatch(module):
        raise _NotData(f"{name}, which is not moto's")
    thing: Any = sys.modules.get(module) or importlib.import_module(module)
    for part in path.split("."):
        thing = vars(thing).get(part) if isinstance(thing, types.ModuleType | type) else None
    if not isinstance(thing, type | types.FunctionType):
        raise _NotData(f"{name}, which is no class or function")
    if (thing.__module__, thing.__qualname__) != (module, path):
        raise _NotData(f"{name}, which is {thing.__module__}:{thing.__qualname__}")
    return thing


def _constant(name: str) -> dict[Any, Any] | list[Any]:
    module, _, path = name.partition(":")
    if not _ALLOWED.fullmatch(module) or not path.isupper():
        raise _NotData(f"{name}, which is no constant of moto's")
    constant = vars(importlib.import_module(module)).get(path)
    if not isinstance(constant, dict | list):
        raise _NotData(f"{name}, which is no constant of moto's")
    return constant


def _jwk(members: dict[str, Any]) -> object:
    from joserfc import jwk  # installed wherever moto can have made such a key

    return jwk.RSAKey.import_key(members)


def _class(name: str, of: type = object) -> Any:
    kind = _look_up(name)
    if not (isinstance(kind, type) and issubclass(kind, of)):
        raise _NotData(f"{name}, which is not a kind of {of.__name__}")
    return kind


class _Reader:
    """Makes all objects, then sets their attributes, then fills the containers: a key must be whole to be hashed."""

    def __init__(self, nodes: list[Any], foreign: Callable[[str], object]) -> None:
        self._nodes = nodes
        self._foreign = foreign
        self._objects: dict[int, Any] = {}
        self._named = self._readers()

    def read(self, data: Any) -> Any:
        """Return the object that ``data`` stands for."""
        for number in range(len(self._nodes)):
            self._object(number)
        for number, node in enumerate(self._nodes):
            if "attributes" in node:
                self._set_attributes(self._objects[number], node["attributes"])
        for number, node in enumerate(self._nodes):
            self._fill(node, self._objects[number])
        return self._value(data)

    def _set_attributes(self, made: Any, attributes: list[Any]) -> None:
        """Put attributes into place; neither a property nor ``__setattr__`` is asked."""
        slots = _slots(cast("Any", type(made)))
        for name, item in attributes:
            if name in slots:
                slots[name].__set__(made, self._value(item))
            else:
                vars(made)[name] = self._value(item)

    def _value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if "r" in data:
            return self._object(data["r"])
        return float(data["f"]) if "f" in data else int(data["n"])

    def _object(self, number: int) -> Any:
        if number not in self._objects:
            self._objects[number] = self._empty(self._nodes[number])
        return self._objects[number]

    def _empty(self, node: dict[str, Any]) -> Any:
        """Return the object of a node: whole if it is a leaf or cannot be changed, else without its content."""
        for leaf in _LEAVES:
            if leaf.name in node:
                return leaf.read(node[leaf.name])
        for name, make in _CONTAINERS.items():
            if name in node:
                return make()
        for name, read in self._named.items():
            if name in node:
                return read(node)
        return self._instance(node)

    def _readers(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        return {
            "foreign": lambda node: self._foreign(node["foreign"]),
            "constant": lambda node: _constant(node["constant"]),
            "enum": lambda node: _class(node["enum"], enum.Enum).__members__[node["name"]],
            "class": lambda node: _class(node["class"]),
            "function": lambda node: _look_up(node["function"]),
            "local": self._local_function,
            "method": self._method,
            "jwk": lambda node: _jwk(node["jwk"]),
            # Their members cannot be put in later.
            "tuple": lambda node: tuple(self._value(item) for item in node["tuple"]),
            "frozenset": lambda node: frozenset(self._value(item) for item in node["frozenset"]),
        }

    def _method(self, node: dict[str, Any]) -> types.MethodType:
        holder = self._value(node["of"])
        function = _method_of(type(holder), node["method"])
        if not isinstance(function, types.FunctionType):
            raise _NotData(f"{node['method']}, which is no method")
        return types.MethodType(function, holder)

    def _local_function(self, node: dict[str, Any]) -> types.FunctionType:
        code = _codes_in(node["local"])[node["code"]]
        captured = tuple(types.CellType(self._value(item)) for item in node["captured"])
        return types.FunctionType(code, vars(sys.modules[node["local"].partition(":")[0]]), closure=captured)

    def _instance(self, node: dict[str, Any]) -> Any:
        kind = _class(node["object"])
        # The builtin's own way to make one: a class's __new__ is not asked.
        builtin: Any = next((base for base in _BUILTINS if issubclass(kind, base)), object)
        if "value" in node:
            return builtin.__new__(kind, base64.b64decode(node["value"]) if builtin is bytes else node["value"])
        if builtin is tuple:
            return tuple.__new__(kind, [self._value(item) for item in node.get("members", ())])
        made = builtin.__new__(kind)
        if "factory" in node and isinstance(made, collections.defaultdict):
            made.default_factory = self._value(node["factory"])
        return made

    def _fill(self, node: dict[str, Any], made: Any) -> None:
        value = self._value
        # moto's own dicts may do more than keep what they are given: their plain base keeps it.
        put = collections.OrderedDict.__setitem__ if isinstance(made, collections.OrderedDict) else dict.__setitem__
        for key, item in node.get("dict", node.get("items", ())):
            put(made, value(key), value(item))
        for key, item in node.get("weak", ()):
            made[value(key)] = value(item)
        members = [value(item) for name in ("list", "deque", "set", "members") for item in node.get(name, ())]
        if isinstance(made, set):
            set.update(made, members)
        elif isinstance(made, list):
            list.extend(made, members)
        elif isinstance(made, collections.deque):
            collections.deque.extend(made, members)


_BUILTINS: Sequence[type] = (
    str,
    bytes,
    int,
    float,
    tuple,
    list,
    set,
    collections.deque,
    collections.OrderedDict,
    collections.defaultdict,
    dict,
)

_CONTAINERS: Mapping[str, Callable[[], Any]] = {
    "dict": dict,
    "list": list,
    "set": set,
    "deque": collections.deque,
    "weak": weakref.WeakValueDictionary,
}


# Leaves: kind, name in the data, how it is written, how it is read


def _file_bytes(file: Any) -> str:
    position = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(position)
    return base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode()


def _spooled(text: str) -> Any:
    file = tempfile.SpooledTemporaryFile(max_size=512 * 1024)  # noqa: SIM115 - moto's object owns and closes it
    file.write(base64.b64decode(text))
    file.seek(0)
    return file


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _private_key(key: Any) -> str:
    return _encoded(
        key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _certificate(certificate: x509.Certificate) -> str:
    return _encoded(certificate.public_bytes(serialization.Encoding.DER))


def _read_certificate(text: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(text))


def _read_private_key(text: str) -> Any:
    return serialization.load_der_private_key(base64.b64decode(text), None)


class _Leaf(NamedTuple):
    """A kind of value that is written as one piece of data."""

    kind: type | tuple[type, ...]
    name: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


_LEAVES = (
    _Leaf(bytes, "bytes", _encoded, base64.b64decode),
    _Leaf(bytearray, "bytearray", _encoded, lambda text: bytearray(base64.b64decode(text))),
    _Leaf(datetime.datetime, "datetime", datetime.datetime.isoformat, datetime.datetime.fromisoformat),
    _Leaf(datetime.date, "date", datetime.date.isoformat, datetime.date.fromisoformat),
    _Leaf(datetime.timedelta, "seconds", datetime.timedelta.total_seconds, lambda n: datetime.timedelta(seconds=n)),
    _Leaf(decimal.Decimal, "decimal", str, decimal.Decimal),
    _Leaf(_LOCK, "lock", lambda _: 0, lambda _: threading.Lock()),
    _Leaf(_RLOCK, "rlock", lambda _: 0, lambda _: threading.RLock()),
    _Leaf(threading.Condition, "condition", lambda _: 0, lambda _: threading.Condition()),
    _Leaf(threading.Event, "event", lambda _: 0, lambda _: threading.Event()),
    _Leaf(tempfile.SpooledTemporaryFile, "file", _file_bytes, _spooled),
    _Leaf(io.BytesIO, "bytes-io", lambda value: _encoded(value.getvalue()), lambda t: io.BytesIO(base64.b64decode(t))),
    _Leaf(re.Pattern, "pattern", lambda value: [value.pattern, value.flags], lambda pair: re.compile(*pair)),
    _Leaf(range, "range", lambda value: [value.start, value.stop, value.step], lambda parts: range(*parts)),
    _Leaf(uuid.UUID, "uuid", str, uuid.UUID),
    _Leaf(ipaddress.IPv4Address, "ipv4", str, ipaddress.IPv4Address),
    _Leaf(ipaddress.IPv4Network, "ipv4-network", str, ipaddress.IPv4Network),
    _Leaf(ipaddress.IPv6Address, "ipv6", str, ipaddress.IPv6Address),
    _Leaf(ipaddress.IPv6Network, "ipv6-network", str, ipaddress.IPv6Network),
    _Leaf(x509.Certificate, "certificate", _certificate, _read_certificate),
    _Leaf((rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey), "private-key", _private_key, _read_private_key),
)


@functools.cache
def _leaf_of(kind: type) -> _Leaf | None:
    for leaf in _LEAVES:
        kinds = leaf.kind if isinstance(leaf.kind, tuple) else (leaf.kind,)
        # The classes of keys are interfaces; of the others only the class itself is meant.
        if kind in kinds or (leaf.name == "private-key" and issubclass(kind, kinds)):
            return leaf
    return None


_STANDARD = frozenset(
    {
        "collections:OrderedDict",
        "collections:defaultdict",
        "collections:Counter",
        "builtins:list",
        "builtins:dict",
        "builtins:set",
        "builtins:int",
        "builtins:str",
        "datetime:timezone",
    }
)
