"""Images that are built from a folder or loaded from an archive, by a real engine."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.node.image_names import parse_image
from podrole.cluster.node.runtimes.container.engine import Engine
from podrole.cluster.node.runtimes.container.errors import ImageNotBuilt, ImageNotLoaded
from podrole.cluster.node.runtimes.container.images import pull
from podrole.cluster.node.runtimes.container.local_images import build, list_images, load, tag
from podrole.cluster.node.runtimes.own_image import OwnImage
from support.engine import busybox_archive, opened

WORLD = "a-world"


@pytest.fixture
async def engine(engine_host: str) -> AsyncIterator[Engine]:
    client = await opened(engine_host)
    yield client
    await client.aclose()


def own(folder: Path, name: str = "shop/api", dockerfile: str | None = None) -> OwnImage:
    folder.mkdir(exist_ok=True)
    if dockerfile is not None:
        (folder / "Dockerfile").write_text(dockerfile)
    return OwnImage(parse_image(name), folder)


async def test_folder_is_built_with_progress_and_never_pulled(engine: Engine, tmp_path: Path) -> None:
    image = own(tmp_path / "my api", dockerfile='FROM docker.io/library/busybox\nCOPY a /a\nCMD ["cat", "/a"]\n')
    (image.folder / "a").write_text("from the folder")
    said: list[str] = []
    await build(engine, image, WORLD, said.append)
    assert any("COPY a /a" in line for line in said)
    pulled = await pull(engine, parse_image("shop/api"), "Always", world=WORLD)
    assert pulled.message.endswith("was built on this machine")
    assert pulled.image.built_for == WORLD
    assert [(each.name, each.built) for each in await list_images(engine, WORLD) if "shop" in each.name] == [
        ("docker.io/shop/api:latest", True)
    ]


async def test_folder_that_cannot_be_built_has_the_engines_reason(engine: Engine, tmp_path: Path) -> None:
    for number, (dockerfile, got, expected) in enumerate(
        (
            ("FROM docker.io/library/busybox\nRUN echo no; exit 3\n", "exit status 3", "could not be built"),
            ("FROM docker.io/library/busybox\nCOPY none /a\n", "none", "could not be built"),
            ("NONSENSE x\n", "no FROM statement found", "could not be built"),
            (None, "api", "has no Containerfile or Dockerfile"),
        )
    ):
        image = own(tmp_path / f"api {number}", dockerfile=dockerfile)
        with pytest.raises(ImageNotBuilt, match=expected) as raised:
            await build(engine, image, WORLD, lambda line: None)
        assert got in str(raised.value.got)
        assert str(image.folder) in raised.value.diagnostics()


async def test_folder_with_a_bad_pattern_is_not_sent(tmp_path: Path) -> None:
    image = own(tmp_path / "api", dockerfile="FROM scratch\n")
    (image.folder / ".dockerignore").write_text("[z-a]")
    with pytest.raises(ImageNotBuilt, match="could not be built") as raised:
        await build(Engine("no engine"), image, WORLD, lambda line: None)
    assert "[z-a]" in str(raised.value.got)


def docker_archive(*tags: str, member: str = "", in_layer: str = "") -> bytes:
    """What ``docker save`` writes; with a member of any name, and one in its layer."""
    layer = archive_of((in_layer, b"x")) if in_layer else busybox_archive(Path(str(shutil.which("busybox"))))
    digest = hashlib.sha256(layer).hexdigest()
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}
    content = json.dumps(config).encode()
    name = f"{hashlib.sha256(content).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": list(tags) or None, "Layers": [f"{digest}.tar"]}]
    members = [(name, content), (f"{digest}.tar", layer), ("manifest.json", json.dumps(manifest).encode())]
    return archive_of(*([(member, b"x")] if member else []), *members)


def archive_of(*members: tuple[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in members:
            one = tarfile.TarInfo(name)
            one.size = len(content)
            tar.addfile(one, io.BytesIO(content))
    return written.getvalue()


def write_layout(folder: Path, name: str) -> None:
    """Write an OCI image layout: https://github.com/opencontainers/image-spec/blob/main/image-layout.md"""

    def blob(kind: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (folder / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    (folder / "blobs/sha256").mkdir(parents=True)
    layer = blob("layer.v1.tar", archive_of(("file", b"x")))
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    described = {"config": blob("config.v1+json", json.dumps(config).encode()), "layers": [layer]}
    kind = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
    manifest = blob("manifest.v1+json", json.dumps({**kind, **described}).encode())
    manifest["annotations"] = {"org.opencontainers.image.ref.name": name}
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))


async def test_archives_are_loaded_under_the_names_that_pods_have_for_them(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(docker_archive("team/tool:2"))
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(docker_archive("team/packed:1"), 1))
    write_layout(tmp_path / "layout", "team/layout:3")
    for name, expected in (("a.tar", "team/tool:2"), ("a.tar.gz", "team/packed:1"), ("layout", "team/layout:3")):
        assert await load(engine, tmp_path / name) == [expected]
        pulled = await pull(engine, parse_image(expected), "Never")
        assert pulled.message.endswith("already present on machine")


async def test_archive_without_a_name_is_given_one(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(docker_archive())
    (identity,) = await load(engine, tmp_path / "a.tar")
    assert identity.startswith("sha256:")
    await tag(engine, identity, parse_image("team/named:1"))
    await pull(engine, parse_image("team/named:1"), "Never")


async def test_hostile_archive_writes_nothing_outside_the_engine(engine: Engine, tmp_path: Path) -> None:
    outside = "../" * 12 + str(tmp_path / "outside").lstrip("/")
    (tmp_path / "evil.tar").write_bytes(docker_archive("evil:1", member=outside, in_layer=outside))
    await load(engine, tmp_path / "evil.tar")
    write_layout(tmp_path / "layout", "evil:2")
    (tmp_path / "layout/blobs/sha256" / ("0" * 64)).symlink_to("/etc/passwd")
    await load(engine, tmp_path / "layout")
    assert not (tmp_path / "outside").exists()


async def test_what_is_no_archive_of_images_is_refused(engine: Engine, tmp_path: Path) -> None:
    for content, what in (
        (b"no archive" * 100, "is not an archive of images"),
        (b"", "is not an archive of images"),
        (archive_of(("hello", b"x")), "does not take"),
        (gzip.compress(b"x" * 5000, 1)[:20], "cannot be read: Compressed file ended"),
        (gzip.compress(b"x", 1)[:-8] + b"12345678", "cannot be read: CRC check failed"),
    ):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(ImageNotLoaded, match=what):
            await load(engine, tmp_path / "x")


async def test_what_is_not_there_or_no_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageNotLoaded, match="cannot be read: No such file"):
        await load(Engine("no engine"), tmp_path / "missing")
    with pytest.raises(ImageNotLoaded, match="neither an OCI image layout nor has it a Dockerfile"):
        await load(Engine("no engine"), tmp_path)
