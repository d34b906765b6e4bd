"""``podrole cluster rotate-keys``: a new key for the tokens of a running world's cluster."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from podrole.world.errors import WorldError
from podrole.world.key_rotation import PATH
from podrole.world.state import WorldDirectory

_ANSWER_SECONDS = 30.0


def run(path: Path, *, published_seconds: float, as_json: bool) -> int:
    """Rotate the keys and print the result. Raises NotRunning, WorldError."""
    done = rotate(WorldDirectory(path), published_seconds)
    if as_json:
        print(json.dumps(done, indent=2))
        return 0
    others = len(done["published"]) - 1
    print(f"New tokens are signed with the key {done['signing']}.")
    print(f"Still published, for the tokens that they signed: {others} older key{'s' if others != 1 else ''}.")
    for kid in done["dropped"]:
        print(f"No longer published: {kid}. The last of its tokens has expired.")
    print("Pods keep their tokens and get new ones when those are renewed.")
    return 0


def rotate(directory: WorldDirectory, published_seconds: float) -> dict[str, list[str]]:
    """Ask the world's API server for a rotation, as its administrator, and return the answer."""
    world = directory.running()
    address = urlsplit(world.cluster_url)
    trust = ssl.create_default_context(cafile=directory.authority)
    connection = http.client.HTTPSConnection(
        address.hostname or "", address.port, context=trust, timeout=published_seconds + _ANSWER_SECONDS
    )
    try:
        headers = {"Authorization": f"Bearer {directory.administrator_token()}", "Content-Type": "application/json"}
        connection.request("POST", PATH, json.dumps({"published_seconds": published_seconds}), headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise WorldError(
            "The world did not confirm the rotation of the keys.",
            got=f"{type(problem).__name__}: {problem}",
            next_step="check with podrole status whether it still runs, and read its log",
        ) from problem
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise WorldError("The keys were not rotated.", got=f"{answer.status}: {body.get('message')}")
    rotated: dict[str, list[str]] = body
    return rotated
