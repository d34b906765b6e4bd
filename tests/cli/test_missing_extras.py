"""A command whose extra is not installed names it and exits with code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from podrole.base.extras import ExtraMissing
from support.world import podrole_here


def test_error_names_the_extra_and_how_to_install_it() -> None:
    missing = ExtraMissing("The walkthrough needs the aws CLI.", "demo")
    assert missing.diagnostics() == "The walkthrough needs the aws CLI.\n  next:     pip install 'podrole[demo]'"


@pytest.mark.parametrize("command", ["doctor shop/web", "wait shop/web"])
def test_profile_of_aws_login_without_the_extra_crt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("botocore.credentials.EC", None)  # what botocore has without its CRT
    config = tmp_path / "config"
    config.write_text("[profile signed-in]\nregion = us-east-1\nlogin_session = arn:aws:iam::111122223333:user/me\n")
    (tmp_path / "kubeconfig").write_text("{}")
    done = podrole_here(
        *command.split(), "--profile", "signed-in", "--kubeconfig", "kubeconfig", cwd=tmp_path,
        env={"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "The AWS profile needs botocore's CRT (aws login), which is not installed." in done.stderr
    assert "pip install 'podrole[crt]'" in done.stderr
