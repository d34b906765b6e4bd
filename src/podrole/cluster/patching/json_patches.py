"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396).

Neither knows types: what comes out is decoded like any body. The original is never changed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from podrole.cluster.core.errors import StatusError, bad_request, too_large, unprocessable

MAX_OPERATIONS = 10_000
MAX_COPIED_BYTES = 3 * 1024 * 1024
"""What the ``copy`` operations of one patch may add up to (kube-apiserver: JSONPatchMaxCopyBytes)."""


class PatchError(ValueError):
    """The patch is well-formed but cannot be applied."""


def apply_json_patch(document: Any, operations: Any) -> Any:
    """Return a patched copy. Raises PatchError where an operation does not apply, ValueError for a malformed patch."""
    import jsonpatch  # some 10 ms, and most requests need none

    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise ValueError("a JSON patch is a list of operations")
    copied = 0
    result = msgspec.json.decode(msgspec.json.encode(document))
    try:
        for operation in operations:
            if operation.get("op") == "copy":
                source = jsonpatch.JsonPointer(operation.get("from")).resolve(result)
                copied += len(msgspec.json.encode(source))
                if copied > MAX_COPIED_BYTES:
                    raise PatchError("unable to copy, the accumulated size increase of copy operations is too large")
            adds = operation.get("op") == "replace" and _is_new_member(result, operation.get("path"))
            wanted = {**operation, "op": "add"} if adds else operation
            result = jsonpatch.JsonPatch([wanted]).apply(result, in_place=True)
    except (jsonpatch.JsonPatchConflict, jsonpatch.JsonPatchTestFailed, jsonpatch.JsonPointerException) as problem:
        raise PatchError(str(problem)) from None
    except jsonpatch.InvalidJsonPatch as problem:
        raise ValueError(str(problem)) from None
    except (TypeError, KeyError, IndexError, AttributeError, RecursionError) as problem:
        # A path that leads through a scalar, and the like: the library does not wrap them all.
        raise PatchError(f"an operation does not fit the object: {type(problem).__name__}") from None
    return result


def _is_new_member(document: Any, path: Any) -> bool:
    """Return whether a path leads to a member that its object does not have.

    RFC 6902 refuses to replace it; kube-apiserver's library adds it. Raises JsonPointerException.
    """
    import jsonpatch

    if not isinstance(path, str) or "/" not in path:
        return False
    parent, last = jsonpatch.JsonPointer(path).to_last(document)
    return isinstance(parent, dict) and last not in parent


def json_patch(document: Any, operations: Any) -> Any:
    """Do as ``apply_json_patch`` and raise the Status that a client gets."""
    if isinstance(operations, list) and len(operations) > MAX_OPERATIONS:
        raise too_large(f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}")
    try:
        return apply_json_patch(document, operations)
    except PatchError:
        raise unprocessable() from None
    except StatusError:
        raise
    except ValueError as problem:
        raise bad_request(str(problem)) from None


def merge_patch(document: Any, patch: Any) -> Any:
    """Return a copy of ``document`` changed by a merge patch; unchanged parts are shared with it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result
