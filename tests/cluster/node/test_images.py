"""Which images run, and as what."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from podrole.cluster.node.errors import ImageProblem
from podrole.cluster.node.image_names import parse_image
from podrole.cluster.node.runtimes.process.images import Images, find_beside_python
from podrole.cluster.node.runtimes.process.own_python import base_python

AWS = "/opt/bin/aws"


@pytest.fixture
def images() -> Images:
    return Images(python="/opt/python/bin/python3.11", find_aws=lambda: AWS)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("python", "python"),
        ("python:3.12", "python"),
        ("docker.io/library/python:3.12-slim", "python"),
        ("docker.io/python", "python"),
        ("index.docker.io/amazon/aws-cli", "amazon/aws-cli"),
        ("python@sha256:" + "0" * 64, "python"),
        ("python:3@sha256:" + "0" * 64, "python"),
        ("localhost:5000/team/app:1", "localhost:5000/team/app"),
        ("public.ecr.aws/aws-cli/aws-cli:2.15.0", "public.ecr.aws/aws-cli/aws-cli"),
    ],
)
def test_references_of_one_image_have_one_name(reference: str, name: str) -> None:
    assert parse_image(reference).name == name


@pytest.mark.parametrize(
    "reference", ["", "Python", "python:", "a//b", "python:tag with space", "/python", "x@sha256:1"]
)
def test_invalid_reference_is_an_invalid_image_name(reference: str) -> None:
    with pytest.raises(ImageProblem) as raised:
        parse_image(reference)
    assert raised.value.reason == "InvalidImageName"


@pytest.mark.parametrize("reference", ["amazon/aws-cli", "amazon/aws-cli:2.0", "public.ecr.aws/aws-cli/aws-cli:latest"])
def test_the_aws_cli_images_run_the_local_aws(images: Images, reference: str) -> None:
    assert images.resolve(parse_image(reference)).command_line([], ["sts", "get-caller-identity"]) == [
        AWS,
        "sts",
        "get-caller-identity",
    ]


def test_podroles_own_image_runs_the_webhook_with_the_same_python(images: Images) -> None:
    image = images.resolve(parse_image("podrole-webhook:0.1.0"))
    webhook = ["/opt/python/bin/python3.11", "-m", "podrole.webhook"]
    assert image.command_line([], ["--port=8443"]) == [*webhook, "--port=8443"]
    assert image.command_line(["/webhook", "-v=3"], []) == [*webhook, "-v=3"]
    assert image.command_line(["webhook"], []) == ["webhook"]
    assert image.environment == {"PODROLE_SERVICE_ACCOUNT": "/var/run/secrets/kubernetes.io/serviceaccount"}


@pytest.mark.parametrize("command", ["aws", "/usr/local/bin/aws", "/usr/bin/aws"])
def test_each_path_of_aws_in_the_image_is_the_local_aws(images: Images, command: str) -> None:
    assert images.resolve(parse_image("amazon/aws-cli")).command_line([command, "--version"], [])[0] == AWS


def test_program_of_that_name_elsewhere_in_the_image_is_not_replaced(images: Images) -> None:
    assert images.resolve(parse_image("amazon/aws-cli")).command_line(["/opt/mine/aws"], [])[0] == "/opt/mine/aws"


def test_a_command_replaces_the_entry_point_and_drops_the_images_arguments(images: Images) -> None:
    assert images.resolve(parse_image("busybox")).command_line([], []) == ["sh"]
    assert images.resolve(parse_image("busybox")).command_line([], ["echo", "x"]) == ["echo", "x"]
    assert images.resolve(parse_image("busybox")).command_line(["sleep"], ["1"]) == ["sleep", "1"]
    assert images.resolve(parse_image("amazon/aws-cli")).command_line(["sleep"], []) == ["sleep"]


def test_python_image_has_an_environment_of_the_interpreter_without_podroles_packages(images: Images) -> None:
    image = images.resolve(parse_image("python:3.9"))
    assert image.command_line([], []) == ["python3"]
    assert image.own_python == base_python()
    assert sys.prefix not in image.needs


def test_python_image_runs_the_python_that_the_world_was_given(images: Images) -> None:
    image = Images(pods_python="/opt/tests/bin/python").resolve(parse_image("python:3.9"))
    assert image.command_line(["python", "-V"], []) == ["/opt/tests/bin/python", "-V"]
    assert image.command_line([], []) == ["/opt/tests/bin/python"]
    assert image.path == ("/opt/tests/bin",)
    assert image.own_python is None


def test_a_missing_aws_says_how_to_install_it() -> None:
    with pytest.raises(ImageProblem, match=r"pip install 'podrole\[demo\]'") as raised:
        Images(find_aws=lambda: None).resolve(parse_image("amazon/aws-cli"))
    assert raised.value.reason == "ErrImagePull"


def test_an_unknown_image_says_what_can_be_run(images: Images) -> None:
    with pytest.raises(ImageProblem, match="amazon/aws-cli, busybox, alpine") as raised:
        images.resolve(parse_image("nginx:1.27"))
    assert raised.value.reason == "ErrImagePull"
    assert '"nginx:1.27"' in raised.value.what


def test_the_program_beside_python_comes_before_the_one_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, elsewhere = tmp_path / "venv", tmp_path / "elsewhere"
    for directory in (beside, elsewhere):
        directory.mkdir()
        (directory / "aws").write_text("#!/bin/sh\n")
        (directory / "aws").chmod(0o755)
    monkeypatch.setenv("PATH", str(elsewhere))
    assert find_beside_python("aws", str(beside / "python")) == str(beside / "aws")
    (beside / "aws").unlink()
    assert find_beside_python("aws", str(beside / "python")) == str(elsewhere / "aws")
    (elsewhere / "aws").unlink()
    assert find_beside_python("aws", str(beside / "python")) is None


def test_only_the_image_of_the_aws_cli_adds_aws_to_the_programs(images: Images) -> None:
    assert images.resolve(parse_image("amazon/aws-cli")).links == {"aws": AWS}
    assert images.resolve(parse_image("busybox")).links == {}
    assert images.resolve(parse_image("python")).links == {}


def test_home_directory_is_not_what_a_program_in_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for directory, needs in (("bin", []), (".local/bin", [str(tmp_path / ".local")])):
        aws = str(tmp_path / directory / "aws")
        image = Images(find_aws=lambda aws=aws: aws).resolve(parse_image("amazon/aws-cli"))  # type: ignore[misc] # bound
        assert [*dict.fromkeys(image.needs)] == [aws, *needs]
