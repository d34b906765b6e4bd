"""Build the two images without a daemon, and use them: the webhook, and a whole world.

Usage: python scripts/images.py [--base IMAGE] [--store DIRECTORY]

Needs root and buildah; without ``--base``, debootstrap makes the base, Debian with Python. ``buildah build --isolation
chroot`` builds, and what was built runs in the image's own file system, as its user, with this machine's network:

1. a world starts from the image podrole, in a folder that is mounted, and ``podrole env`` of it leads here;
2. it gives a service account its role; a token of the service account is exchanged at its STS;
3. the webhook starts from the image podrole-webhook for the cluster of that world, and a review of a pod, sent to
   /mutate over TLS, is answered with the role.

Settings of pip's (PIP_CERT, PIP_INDEX_URL) are passed to the build.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMAGES = {"podrole-webhook": "Dockerfile", "podrole": "Dockerfile.world"}
BASE = "localhost/podrole-base"
SUITE = "bookworm"
PACKAGES = "python3,python3-venv,ca-certificates"
USER = 65532
SECONDS = 120
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "default",
        "operation": "CREATE",
        "object": {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"serviceAccountName": "inventory", "containers": [{"name": "c", "image": "busybox"}]},
        },
    },
}


class ImageProblem(Exception):
    """An image does not do what it is for."""


class Builder:
    """buildah, with a store of its own where one is named."""

    def __init__(self, store: Path | None) -> None:
        store_words = [] if store is None else ["--root", f"{store}/storage", "--runroot", f"{store}/run"]
        self._command = ["buildah", *store_words]

    def run(self, *words: str) -> str:
        """Run buildah to its end; return what it printed."""
        done = subprocess.run([*self._command, *words], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ImageProblem(f"buildah {' '.join(words[:4])}: {done.stderr[-2000:]}")
        return done.stdout.strip()

    def base(self, work: Path) -> str:
        """Make Debian with Python an image; return its name."""
        root = work / "base"
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)], check=True)
        for junk in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man"):
            shutil.rmtree(root / junk, ignore_errors=True)
        container = self.run("from", "scratch")
        self.run("copy", "-q", container, str(root), "/")
        self.run("commit", "-q", "--rm", container, BASE)
        return BASE

    def build(self, name: str, base: str, version: str) -> None:
        """Build an image."""
        time_of_commit = _output("git", "log", "-1", "--format=%ct")
        words = ["build", "-q", "--isolation", "chroot", "--timestamp", time_of_commit, "-f", IMAGES[name]]
        arguments = {"BASE": base, "VERSION": version, "REVISION": _output("git", "rev-parse", "HEAD")}
        given = {key: os.environ[key] for key in ("PIP_CERT", "PIP_INDEX_URL") if key in os.environ}
        words += [word for key, value in {**arguments, **given}.items() for word in ("--build-arg", f"{key}={value}")]
        if (cert := given.get("PIP_CERT")) is not None:
            words += ["--volume", f"{cert}:{cert}:ro"]
        self.run(*words, "--tag", f"localhost/{name}:{version}", ".")

    @contextlib.contextmanager
    def container(self, image: str) -> Iterator[str]:
        """Make a container of an image, and remove it."""
        name = self.run("from", "--pull-never", image)
        try:
            yield name
        finally:
            self.run("rm", name)

    def command(self, container: str, folder: Path, *words: str) -> list[str]:
        """Return what runs a command in a container's file system, with a folder of this machine at its own path."""
        return [*self._command, "run", "--isolation", "chroot", "--volume", f"{folder}:{folder}", container, *words]


def check_configuration(builder: Builder, image: str) -> None:
    """Check the user, the labels and that nothing of pip's is left."""
    found = json.loads(builder.run("inspect", "--type", "image", image))["OCIv1"]["config"]
    labels = found["Labels"]
    if found["User"] != f"{USER}:{USER}":
        raise ImageProblem(f"{image} runs as {found['User']!r}, expected {USER}:{USER}")
    missing = {"title", "version", "revision", "licenses"} - {key.rpartition(".")[2] for key in labels}
    if missing:
        raise ImageProblem(f"{image} lacks the labels {sorted(missing)}")
    with builder.container(image) as container:
        script = "ls -d ~root/.cache /src /opt/build /opt/podrole/lib/python3*/site-packages/pip 2>/dev/null; id -u"
        said = builder.run("run", "--isolation", "chroot", container, "--", "sh", "-c", script)
    if said.split() != [str(USER)]:
        raise ImageProblem(f"{image} has what only the build needs, or another user: {said}")


def check_world_and_webhook(builder: Builder, version: str, work: Path) -> None:
    """Run both images as the steps above say."""
    place = work / "state"
    place.mkdir()
    os.chown(place, USER, USER)
    directory = place / "world"
    with contextlib.ExitStack() as stack:
        world = stack.enter_context(builder.container(f"localhost/podrole:{version}"))
        podrole = builder.command(world, place, "--", "/opt/podrole/bin/podrole")
        ports = ("--aws-port", "0", "--cluster-port", "0")
        stack.enter_context(_running([*podrole, "up", "--dir", str(directory), *ports], work / "world.log"))
        described = _awaited(directory / "world.json", work / "world.log")
        env = _output(*podrole, "env", "--dir", str(directory))
        if described["aws_url"].rpartition(":")[2] not in env:
            raise ImageProblem(f"podrole env does not lead to the world: {env}")
        print(f"a world of the image runs: {described['aws_url']}, {described['runtime']}")
        _output(*podrole, "utils", "associate-iam-oidc-provider", "--dir", str(directory), "--approve")
        policy = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
        words = ["--namespace", "default", "--name", "inventory", "--attach-policy-arn", policy, "--approve"]
        _output(*podrole, "create", "iamserviceaccount", "--dir", str(directory), *words)
        role = exchange(described, directory)
        print(f"its STS exchanged a token for a session of {role}")
        stack.enter_context(webhook(builder, version, place, directory, work))
        check_review(place, role)


def exchange(described: Mapping[str, Any], directory: Path) -> str:
    """Exchange a token of the service account for a session; return the role's ARN."""
    secrets = json.loads((directory / "secrets.json").read_text())
    trust = ssl.create_default_context(cafile=directory / "ca.crt")
    headers = {"Authorization": f"Bearer {secrets['cluster_token']}", "Content-Type": "application/json"}
    account = f"{described['cluster_url']}/api/v1/namespaces/default/serviceaccounts/inventory"
    role = _asked(account, trust, headers)["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
    spec = {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 3600}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    token = _asked(f"{account}/token", trust, headers, json.dumps(body).encode())["status"]["token"]
    query = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": role,
        "RoleSessionName": "check",
    }
    form = urllib.parse.urlencode({**query, "WebIdentityToken": token}).encode()
    with urllib.request.urlopen(described["aws_url"], form, timeout=SECONDS) as answer:
        if b"<AccessKeyId>ASIA" not in answer.read():
            raise ImageProblem("the exchange gave no credentials")
    other = urllib.parse.urlencode({**query, "RoleArn": f"{role}-other", "WebIdentityToken": token}).encode()
    try:
        urllib.request.urlopen(described["aws_url"], other, timeout=SECONDS)
    except urllib.error.HTTPError as refused:
        if refused.code != 403:
            raise ImageProblem(f"a role that is not there was refused with {refused.code}, expected 403") from None
    else:
        raise ImageProblem("a session of a role that is not there was given")
    return str(role)


@contextlib.contextmanager
def webhook(builder: Builder, version: str, place: Path, directory: Path, work: Path) -> Iterator[None]:
    """Run the webhook's image for the cluster of a world, with a certificate of its own."""
    pair = ["-keyout", str(place / "tls.key"), "-out", str(place / "tls.crt"), "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *pair, *names], check=True, capture_output=True
    )
    for name in ("tls.key", "tls.crt"):
        os.chown(place / name, USER, USER)
    with builder.container(f"localhost/podrole-webhook:{version}") as container:
        flags = [f"--kubeconfig={directory}/kubeconfig", "--port=18443", "--metrics-port=18444", "--events=false"]
        flags += [f"--tls-cert={place}/tls.crt", f"--tls-key={place}/tls.key"]
        with _running([*builder.command(container, place, "--", "/webhook"), *flags], work / "webhook.log"):
            yield


def check_review(place: Path, role: str) -> None:
    """Send a review of a pod over TLS; raise ImageProblem unless the answer injects the role."""
    trust = ssl.create_default_context(cafile=place / "tls.crt")
    headers = {"Content-Type": "application/json"}
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            review = _asked("https://127.0.0.1:18443/mutate", trust, headers, json.dumps(REVIEW).encode())
            patch = base64.b64decode(review["response"].get("patch", "")).decode()
            if role in patch and "AWS_WEB_IDENTITY_TOKEN_FILE" in patch:
                print(f"the webhook of the image injects {role}")
                return
        except OSError as problem:
            patch = str(problem)
        if time.monotonic() > deadline:
            raise ImageProblem(f"the webhook does not inject the role: {patch}")
        time.sleep(0.1)


def _asked(url: str, trust: ssl.SSLContext, headers: Mapping[str, str], body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, body, dict(headers))
    with urllib.request.urlopen(request, context=trust, timeout=SECONDS) as answer:
        return json.loads(answer.read())


def _awaited(file: Path, log: Path) -> Any:
    deadline = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(FileNotFoundError):
            described = json.loads(file.read_text())
            if described["complete"]:
                return described
        if time.monotonic() > deadline:
            raise ImageProblem(f"the world did not start: {log.read_text()[-2000:]}")
        time.sleep(0.1)


@contextlib.contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    """Run a command in the background; stop it with SIGTERM, which buildah passes on."""
    with log.open("w") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _output(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ImageProblem(f"{' '.join(command[-6:])}: {done.stdout[-800:]}{done.stderr[-800:]}")
    return done.stdout.strip()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="", help="the image to build on; without it debootstrap makes one")
    parser.add_argument("--store", type=Path, help="where buildah keeps images, if not in its usual place")
    parser.add_argument("--no-build", action="store_true", help="only use the images that are there")
    given = parser.parse_args(arguments)
    sys.path.insert(0, str(ROOT / "src"))
    from podrole import __version__ as version

    builder = Builder(given.store)
    with tempfile.TemporaryDirectory(prefix="podrole-images-") as folder:
        work = Path(folder)
        work.chmod(0o755)
        try:
            if not given.no_build:
                base = given.base or builder.base(work)
                for name in IMAGES:
                    print(f"building {name} …", flush=True)
                    builder.build(name, base, version)
            for name in IMAGES:
                check_configuration(builder, f"localhost/{name}:{version}")
            check_world_and_webhook(builder, version, work)
        except (ImageProblem, OSError, subprocess.CalledProcessError) as problem:
            print(f"an image is not fit to be published: {problem}", file=sys.stderr)
            return 1
    print(builder.run("images", "--filter", "reference=localhost/podrole*"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
