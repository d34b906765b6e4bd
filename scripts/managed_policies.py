"""Write src/podrole/account/data/aws-managed-policies.zip: AWS's managed policies, from moto's catalogue.

Usage: python scripts/managed_policies.py [TARGET]

``index.json`` holds for each policy its path, version, dates and block; ``documents-NN.json`` the documents of one
block, so that a look-up decompresses one block and not the whole. ``NOTICE`` says where the texts come from. The same
catalogue gives the same bytes.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

from moto import __version__
from moto.iam.aws_managed_policies import aws_managed_policies_data

TARGET = Path(__file__).parent.parent / "src/podrole/account/data/aws-managed-policies.zip"
BLOCK = 32
NOTICE = f"""AWS's managed policies as published by AWS, taken from moto {__version__}
(https://github.com/getmoto/moto, Apache License 2.0, Copyright 2012 Steve Pulec).
"""


def main(arguments: list[str]) -> int:
    target = Path(arguments[0]) if arguments else TARGET
    policies: dict[str, Any] = json.loads(aws_managed_policies_data)
    index, blocks = {}, {}
    for number, name in enumerate(sorted(policies)):
        entry = policies[name]
        block = f"documents-{number // BLOCK:02}.json"
        version = entry["DefaultVersionId"]
        index[name] = [entry["Path"], version, entry["CreateDate"], entry["UpdateDate"], block]
        blocks.setdefault(block, {})[name] = entry["Document"]
    members = {"NOTICE": NOTICE, "index.json": compact(index)} | {name: compact(one) for name, one in blocks.items()}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text, zipfile.ZIP_LZMA)
    return 0


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
