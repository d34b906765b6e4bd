"""Which logins of a pod's imagePullSecrets hold for an image."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from podrole.cluster.node.content.pull_secrets import logins_for
from podrole.cluster.node.image_names import parse_image


def secret(entries: Any, *, key: str = ".dockerconfigjson") -> dict[str, Any]:
    content = json.dumps({"auths": entries} if key == ".dockerconfigjson" else entries).encode()
    return {"type": f"kubernetes.io/{key[1:]}", "data": {key: base64.b64encode(content).decode()}}


def entry(user: str) -> dict[str, str]:
    return {"username": user, "password": "secret"}


@pytest.mark.parametrize(
    ("place", "image", "holds"),
    [
        ("registry.example", "registry.example/shop/api", True),
        ("https://registry.example/v2/", "registry.example/shop/api", True),
        ("registry.example", "other.example/shop/api", False),
        ("registry.example", "registry.example:5000/shop/api", False),
        ("registry.example:5000", "registry.example:5000/shop/api", True),
        ("registry.example/shop", "registry.example/shop/api", True),
        ("registry.example/shop", "registry.example/shopping/api", False),
        ("registry.example/shop/api", "registry.example/shop/api:2", True),
        ("*.example", "registry.example/shop/api", True),
        ("*.example", "a.registry.example/shop/api", False),
        ("*.dkr.ecr.*.amazonaws.com", "111122223333.dkr.ecr.us-east-1.amazonaws.com/api", True),
        ("https://index.docker.io/v1/", "shop/api", True),
        ("docker.io", "python", True),
        ("https://index.docker.io/v1/", "registry.example/shop/api", False),
    ],
)
def test_login_holds_for_the_images_of_its_registry_and_path(place: str, image: str, holds: bool) -> None:
    found = logins_for(parse_image(image), [secret({place: entry("me")})])
    assert [login.username for login in found] == (["me"] if holds else [])


def test_most_specific_login_comes_first_and_one_login_once() -> None:
    general, special = secret({"registry.example": entry("all")}), secret({"registry.example/shop": entry("shop")})
    found = logins_for(parse_image("registry.example/shop/api"), [general, special, general])
    assert [login.username for login in found] == ["shop", "all"]


@pytest.mark.parametrize(
    ("given", "user"),
    [
        ({"auth": base64.b64encode(b"me:secret:with:colons").decode()}, "me"),
        ({"auth": "not base64"}, None),
        ({"auth": base64.b64encode(b"\xff\xfe").decode()}, None),
        ({"username": "me"}, None),
        ({"password": "secret"}, None),
        ({"identitytoken": "t"}, ""),
        ("text", None),
    ],
    ids=str,
)
def test_entry_is_a_login_if_it_names_user_and_password_or_a_token(given: Any, user: str | None) -> None:
    found = logins_for(parse_image("registry.example/x"), [secret({"registry.example": given})])
    assert [login.username for login in found] == ([] if user is None else [user])


NESTED = base64.b64encode(b"[" * 100_000).decode()


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"data": {".dockerconfigjson": "e30="}},
        {"data": {".dockerconfigjson": "!"}},
        {"data": {".dockerconfigjson": NESTED}},
        {"type": "kubernetes.io/dockercfg", "data": {".dockercfg": NESTED}},
    ],
)
def test_secret_that_holds_no_logins_is_passed_over(broken: dict[str, Any]) -> None:
    assert logins_for(parse_image("registry.example/x"), [broken]) == []


def test_old_form_of_the_secret_is_read() -> None:
    old = secret({"registry.example": entry("me")}, key=".dockercfg")
    (login,) = logins_for(parse_image("registry.example/x"), [old])
    assert login.username == "me"


def test_password_is_not_in_the_text_of_a_login() -> None:
    (login,) = logins_for(parse_image("r.example/x"), [secret({"r.example": {**entry("me"), "identitytoken": "tok"}})])
    assert "secret" not in repr(login)
    assert "tok'" not in repr(login)
