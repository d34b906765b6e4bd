"""The environment of a pod in the place of this process's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import boto3
import pytest

from podrole.testing import Identity, environment


@pytest.mark.parametrize(
    "name",
    [
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL_S3",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "BOTO_CONFIG",
        "KUBECONFIG",
        "https_proxy",
        "HTTP_PROXY",
        "ALL_PROXY",
        "no_proxy",
    ],
)
def test_what_leads_elsewhere_is_left_out(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("APPLICATION", "mine")
    made = environment.of_pod({"AWS_REGION": "us-east-1"})
    assert made.get(name) is None
    assert (made["APPLICATION"], made["AWS_REGION"], made["PATH"]) == ("mine", "us-east-1", os.environ["PATH"])


def test_an_environment_is_put_back_whatever_was_changed_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "before")
    before = dict(os.environ)

    def change() -> None:
        assert dict(os.environ) == {"PATH": "/bin", "ONLY": "inside"}
        os.environ["ADDED"] = "inside"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), environment.replaced({"PATH": "/bin", "ONLY": "inside"}):
        change()
    assert dict(os.environ) == before


def test_the_developers_own_profiles_are_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, podrole_identity: Any
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text("[default]\naws_access_key_id=AKIAREAL\naws_secret_access_key=real\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert boto3.Session().get_credentials() is None
    identity: Identity = podrole_identity("shop", "inventory")
    with identity:
        assert boto3.Session().get_credentials().get_frozen_credentials().access_key.startswith("ASIA")


def test_the_default_session_of_before_comes_back(podrole_identity: Any) -> None:
    identity: Identity = podrole_identity("shop", "inventory")
    boto3.setup_default_session(region_name="eu-west-1")
    before = boto3.DEFAULT_SESSION
    with identity:
        assert boto3.client("sts").meta.region_name == "us-east-1"
    assert boto3.DEFAULT_SESSION is before
