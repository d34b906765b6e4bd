"""Pods that run a folder of this machine in place of an image: as processes, by what its Dockerfile says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.node.errors import ImageProblem
from podrole.cluster.node.image_names import parse_image
from podrole.cluster.node.runtimes.own_image import OwnImage
from podrole.cluster.node.runtimes.process.images import Images
from support.isolation import both_ways

FILES = {
    "Dockerfile": """\
FROM python:3.12-slim
WORKDIR /srv/app
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY src/ src/
COPY config.ini /etc/shop/config.ini
COPY bin/tool /usr/local/bin/
COPY server /usr/local/bin/shop-server
ENV SHOP_CONFIG=/etc/shop/config.ini
ENTRYPOINT ["python3", "-B"]
CMD ["src/main.py", "/etc/shop/config.ini"]
""",
    "requirements.txt": "",
    "config.ini": "shop\n",
    "bin/tool": "#!/bin/sh\necho the tool\n",
    "server": "#!/bin/sh\necho the server in $PWD\n",
    "src/main.py": """\
import importlib.util, os, subprocess, sys
print("prefix", sys.prefix)
print("in", os.getcwd())
print("config", open(os.environ["SHOP_CONFIG"]).read().strip(), open(sys.argv[1]).read().strip())
print(subprocess.run(["tool"], capture_output=True, text=True).stdout.strip())
print("podrole", importlib.util.find_spec("podrole"))
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A service with a virtual environment, below a path with a space."""
    folder = tmp_path / "my code" / "api"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for program in ("bin/tool", "server"):
        (folder / program).chmod(0o755)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", folder / ".venv"], check=True)
    return folder


@pytest.fixture
async def node(make_node: Any, folder: Path) -> Any:
    own = OwnImage(parse_image("shop/api"), folder)
    async with make_node(images=Images(find_aws=lambda: None, own_images=[own])) as node:
        yield node


@both_ways
async def test_folder_runs_with_its_own_environment_and_not_with_podroles(
    node: Any, run_pod: Any, finished: Any, log_of: Any, folder: Path, isolated: bool
) -> None:
    await run_pod(container={"image": "shop/api:1.4"})
    pod = await finished()
    assert (await log_of()).splitlines() == [
        f"prefix {folder}/.venv",
        "in /srv/app" if isolated else f"in {folder}",
        "config shop shop",
        "the tool",
        "podrole None",
    ]
    assert pod["status"]["phase"] == "Succeeded"
    assert pod["status"]["containerStatuses"][0]["imageID"] == f"local:{folder}"


@both_ways
@pytest.mark.parametrize(
    ("container", "said"),
    [
        ({"command": ["shop-server"]}, "the server in {app}"),
        ({"command": ["./server"]}, "the server in {app}"),
        ({"command": ["../server"], "workingDir": "/srv/app/src"}, "the server in {app}/src"),
        ({"args": ["-c", "print('mine')"]}, "mine"),
        ({"command": ["sh", "-c", "echo $PATH"], "env": [{"name": "PATH", "value": "/usr/bin:/bin"}]}, "/usr/bin:/bin"),
    ],
    ids=["copied under another name", "relative", "working directory", "arguments", "path"],
)
async def test_pod_may_say_what_runs(
    node: Any,
    run_pod: Any,
    finished: Any,
    log_of: Any,
    folder: Path,
    isolated: bool,
    container: dict[str, Any],
    said: str,
) -> None:
    await run_pod(container={"image": "shop/api", **container})
    await finished()
    assert await log_of() == said.format(app="/srv/app" if isolated else folder) + "\n"


@pytest.mark.parametrize(
    ("dockerfile", "command", "said"),
    [
        (None, [], "has no Dockerfile with CMD or ENTRYPOINT, so the container needs a command"),
        ('FROM scratch\nCOPY --from=build /server /server\nCMD ["/server"]', [], 'the program "/server" was not found'),
        ('FROM x\nCMD ["no-such-program"]', [], 'the program "no-such-program" was not found on PATH (/'),
        ("FROM x", ["./no-such-file"], 'the program "./no-such-file" was not found on this machine'),
    ],
    ids=["no command", "built elsewhere", "not on PATH", "relative"],
)
async def test_program_that_is_not_there_is_refused_with_what_to_do(
    node: Any, run_pod: Any, cluster: Any, folder: Path, dockerfile: str | None, command: list[str], said: str
) -> None:
    (folder / "Dockerfile").unlink()
    if dockerfile is not None:
        (folder / "Dockerfile").write_text(dockerfile)
    await run_pod(container={"image": "shop/api", "command": command})

    def refused(pod: Any) -> bool:
        state = pod["status"].get("containerStatuses", [{"state": {}}])[0]["state"].get("waiting", {})
        return state.get("reason") == "CreateContainerConfigError" and said in state["message"]

    await cluster.until("pods", "default", "p", refused)


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [(b"FROM x\nENV A='open", "Dockerfile cannot be read: line 2: ENV"), (b"\xff", "Dockerfile cannot be read: ")],
    ids=["form", "encoding"],
)
def test_dockerfile_that_cannot_be_read_is_a_failed_pull(tmp_path: Path, dockerfile: bytes, said: str) -> None:
    (tmp_path / "Dockerfile").write_bytes(dockerfile)
    with pytest.raises(ImageProblem, match=said) as raised:
        Images(own_images=[OwnImage(parse_image("a"), tmp_path)]).resolve(parse_image("a"))
    assert raised.value.reason == "ErrImagePull"


def test_folder_that_is_gone_is_a_failed_pull(tmp_path: Path) -> None:
    with pytest.raises(ImageProblem, match="is not there any more"):
        Images(own_images=[OwnImage(parse_image("a"), tmp_path / "gone")]).resolve(parse_image("a"))


def test_folder_for_what_is_copied_into_a_shared_one_is_not_taken_whole(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/app.conf").touch()
    (tmp_path / "Dockerfile").write_text("FROM x\nCOPY etc/ /etc/\nCOPY . /\nWORKDIR /srv\n")
    image = Images(own_images=[OwnImage(parse_image("a"), tmp_path)]).resolve(parse_image("a"))
    places = {mount.path: mount.target for mount in image.mounts}
    assert places["/etc/app.conf"] == f"{tmp_path}/etc/app.conf"
    assert "/etc" not in places or places["/etc"] != str(tmp_path)
    assert not {"/", "/srv"} & set(places)
    assert image.working_directory == ""


def test_source_of_copy_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "api"
    folder.mkdir()
    (tmp_path / "secret").touch()
    (folder / "Dockerfile").write_text("FROM x\nCOPY ../secret /secret\nCOPY ../ /all\n")
    image = Images(own_images=[OwnImage(parse_image("a"), folder)]).resolve(parse_image("a"))
    assert {mount.path: mount.target for mount in image.mounts} == {"/all": str(folder)}


@pytest.mark.parametrize("copied", ["COPY out /etc/out", "COPY * /srv/", "COPY bin/ /usr/local/bin/"])
def test_source_of_copy_does_not_lead_out_of_the_folder_by_a_symbolic_link(tmp_path: Path, copied: str) -> None:
    secret, folder = tmp_path / "secret", tmp_path / "code"
    secret.mkdir()
    (folder / "bin").mkdir(parents=True)
    for link in (folder / "out", folder / "bin" / "out"):
        link.symlink_to("../secret" if link.parent == folder else "../../secret")
    (folder / "Dockerfile").write_text(f"FROM scratch\n{copied}\nCMD x\n")
    image = Images(own_images=[OwnImage(parse_image("a/b"), folder)]).resolve(parse_image("a/b"))
    assert [mount for mount in image.mounts if Path(mount.target).resolve().is_relative_to(secret)] == []
