"""The setting ``--image NAME=FOLDER``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.node.image_names import parse_image
from podrole.cluster.node.runtimes.container.engine import Engine
from podrole.world.containers import PodContainers
from podrole.world.errors import BadSetting
from podrole.world.own_images import read_own_images


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my api").mkdir()
    (tmp_path / "a=b").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("value", "image", "stands"),
    [
        ("shop/api=my api", "shop/api", True),
        ("shop/api=my api", "shop/api:1.4", True),
        ("shop/api=my api", "docker.io/shop/api", True),
        ("shop/api=my api", "shop/api@sha256:" + "0" * 64, True),
        ("shop/api=my api", "registry.example/shop/api", False),
        ("shop/api:1=my api", "shop/api:1", True),
        ("shop/api:1=my api", "shop/api", False),
        ("shop/api:latest=my api", "shop/api", True),
        ("registry.example:5000/api=a=b", "registry.example:5000/api:2", True),
    ],
)
def test_name_without_a_tag_stands_for_every_tag(value: str, image: str, stands: bool) -> None:
    (own,) = read_own_images([value])
    assert own.folder.is_absolute()
    assert own.folder.is_dir()
    assert own.stands_for(parse_image(image)) is stands


def test_name_with_a_tag_comes_before_the_one_for_all_tags() -> None:
    images = read_own_images(["shop/api=my api", "shop/api:1=a=b"])
    assert [one.reference.tag for one in images] == ["1", None]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["shop/api"], "not of the form NAME=FOLDER"),
        (["=my api"], "not of the form"),
        (["shop/api="], "not of the form"),
        (["Shop/API=my api"], "has a NAME that no image can have"),
        (["shop/api@sha256:" + "0" * 64 + "=my api"], "by its digest"),
        (["shop/api=none"], "does not exist"),
        (["shop/api=file"], "is not a folder"),
        (["shop/api=my api", "docker.io/shop/api:latest=a=b"], "names docker.io/shop/api:latest twice"),
    ],
)
def test_what_cannot_be_an_image_of_a_folder_is_refused(values: list[str], said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        read_own_images(values)


async def test_interrupted_build_says_what_may_go_on(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n")
        asked.set()
        while await reader.read(1024):
            pass
        writer.close()

    (tmp_path / "my api/Dockerfile").write_text("FROM scratch\n")
    server = await asyncio.start_unix_server(never_answer, tmp_path / "s")
    engine = Engine(str(tmp_path / "s"))
    networks: Any = None
    said: list[str] = []
    building = asyncio.create_task(
        PodContainers(engine, "w", networks).build(read_own_images(["shop/api=my api"]), said.append)
    )
    await asked.wait()
    building.cancel()
    await asyncio.wait({building})
    assert building.cancelled()
    assert said == ["build shop/api: interrupted; the engine may finish the step that it is at"]
    await engine.aclose()
    server.close()
