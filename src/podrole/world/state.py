"""A world's directory: what it keeps between runs, and how commands find it while it runs.

::

    .podrole/
    ├── lock            held (flock) by the process that runs the world
    ├── world.json      the addresses of its parts; exists only while the world runs
    ├── secrets.json    keys and credentials; kept, so that they stay valid after a restart
    ├── services.snapshot  the last snapshot of the other services
    ├── state.db        the account's and the cluster's records (SQLite; also state.db-wal, -shm and .lock)
    ├── ca.crt          the authority of the world's TLS certificates
    ├── ca-bundle.crt   that authority and those of the system
    ├── proxy           the world's process and its proxy, for shells; exists only while the world runs
    ├── kubeconfig      for kubectl
    ├── webhook-token   the webhook's token, renewed; exists only while the world runs
    ├── pod-identities.json  the service accounts of EKS Pod Identity; exists only while the world runs
    ├── events.jsonl    the event log
    ├── world.log       the output of a detached world
    └── node/           the pods' directories

Only its owner can read the directory (0700) and every file in it (0600).
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import msgspec

from podrole.base.file_locks import try_lock
from podrole.base.files import PRIVATE, FileProblem, make_private_directory, write_private
from podrole.base.processes import ProcessIdentity, has_open
from podrole.issuer.record import IssuerRecord, to_json
from podrole.oidc.keys import SigningKey
from podrole.world.errors import AlreadyRunning, NotRunning, WorldError
from podrole.world.secrets import Secrets, StoredSecrets, loaded, make_secrets

DEFAULT_DIRECTORY = Path(".podrole")
_ATTEMPTS, _ATTEMPT_SECONDS = 25, 0.01
"""A command that checks whether a world runs holds the lock for a moment: a world that starts then must try again
before it reports another world."""


class Description(msgspec.Struct, frozen=True):
    """The addresses of a running world, and its process: pid, start (clock ticks after boot) and boot, by which it is
    known even if its pid is given to another process. ``started_at`` is epoch seconds; ``services`` says whether the
    services other than podrole's own are installed, ``restored`` what there was of earlier runs, empty if nothing.
    ``issuer_places`` are where AWS finds issuers' hosts: host → address and port. ``runtime`` says how pods run,
    ``more_stop_seconds`` how much longer than usual the world may take to stop.
    ``complete`` is false while the state of services is restored or the steps of ``podrole up --init`` run."""

    pid: int
    started_at: float
    account: str
    region: str
    cluster: str
    aws_url: str
    cluster_url: str
    webhook_url: str
    webhook_metrics_url: str
    issuer: str
    issuer_port: int
    thumbprint: str
    pod_identity_url: str
    services: bool = True
    restored: str = ""
    complete: bool = True
    issuer_places: dict[str, tuple[str, int]] = {}
    process_started: int = 0
    boot: str = ""
    runtime: str = ""
    engine: str = ""
    more_stop_seconds: float = 0.0

    @property
    def aws_tls_url(self) -> str:
        """The local AWS over TLS, on the same port."""
        return self.aws_url.replace("http://", "https://", 1)

    @property
    def proxy_url(self) -> str:
        """The proxy that answers for AWS's names, on the same port."""
        return self.aws_url

    @property
    def process(self) -> ProcessIdentity:
        """The process that runs the world."""
        return ProcessIdentity(self.pid, self.process_started, self.boot)


class WorldDirectory:
    """The files of one world."""

    def __init__(self, path: Path = DEFAULT_DIRECTORY) -> None:
        self.path = path.absolute()

    @property
    def state(self) -> Path:
        """The journal of the world's records."""
        return self.path / "state.db"

    @property
    def secrets_file(self) -> Path:
        """The keys and credentials."""
        return self.path / "secrets.json"

    @property
    def services(self) -> Path:
        """The last snapshot of the services other than podrole's own."""
        return self.path / "services.snapshot"

    @property
    def lock_file(self) -> Path:
        """The file that the process of a running world has locked."""
        return self.path / "lock"

    @property
    def kubeconfig(self) -> Path:
        """kubectl's configuration for the world's cluster."""
        return self.path / "kubeconfig"

    @property
    def authority(self) -> Path:
        """The certificate of the world's authority, PEM."""
        return self.path / "ca.crt"

    @property
    def authorities(self) -> Path:
        """The certificates of the world's authority and of the system's, PEM."""
        return self.path / "ca-bundle.crt"

    @property
    def authorities_for_containers(self) -> Path:
        """A copy of ``authorities`` that every user in a container can read."""
        return self.path / "ca-bundle-for-containers.crt"

    @property
    def proxy(self) -> Path:
        """The pid of the world's process and the URL of its proxy, on one line: what a shell reads before a prompt."""
        return self.path / "proxy"

    @property
    def events(self) -> Path:
        """The event log."""
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        """The output of a detached world."""
        return self.path / "world.log"

    @property
    def webhook_token(self) -> Path:
        """The token that the world's webhook reads."""
        return self.path / "webhook-token"

    @property
    def pod_identities(self) -> Path:
        """The list of service accounts of EKS Pod Identity that the webhook reads."""
        return self.path / "pod-identities.json"

    @property
    def node(self) -> Path:
        """The directory of the pods' directories."""
        return self.path / "node"

    @property
    def processes(self) -> Path:
        """The directory of the records of the pods' processes."""
        return self.node / "processes"

    def lock(self) -> IO[str]:
        """Lock the directory for this process, until the file is closed or the process ends in any way.

        The addresses of a world that crashed are removed, so that nobody takes them for those of the next one.
        Raises AlreadyRunning if another process has locked it, FileProblem if the directory cannot be written.
        """
        locked = self._locked(attempts=_ATTEMPTS)
        self.forget()
        return locked

    def _locked(self, *, attempts: int) -> IO[str]:
        make_private_directory(self.path)
        try:
            file = os.fdopen(os.open(self.lock_file, os.O_RDWR | os.O_CREAT, PRIVATE), "r+")
        except OSError as problem:
            raise FileProblem(
                f"The directory {self.path} cannot be written: {problem.strerror}.",
                next_step="make it writable, or choose another with --dir",
            ) from problem
        for attempt in range(attempts):
            if self._try_lock(file):
                return file
            if attempt + 1 < attempts:
                time.sleep(_ATTEMPT_SECONDS)
        file.close()
        raise AlreadyRunning(
            f"A world is already running in {self.path}.",
            next_step="stop it with podrole down, or choose another directory with --dir",
        )

    def _try_lock(self, file: IO[str]) -> bool:
        try:
            return try_lock(file.fileno())
        except OSError as problem:
            file.close()
            raise FileProblem(
                f"The file {self.lock_file} cannot be locked: {problem.strerror}.",
                next_step="choose a directory of a file system with locks, with --dir",
            ) from problem

    def is_running(self) -> bool:
        """Say whether a process has locked the directory. Creates nothing: it may be the folder of a kubeconfig."""
        with contextlib.suppress(PermissionError):  # the attempt to lock explains it
            if not self.lock_file.exists():
                return False
        try:
            self._locked(attempts=1).close()
        except AlreadyRunning:
            return True
        return False

    def describe(self, description: Description) -> None:
        """Publish the world's addresses for other processes."""
        write_private(self.proxy, f"{description.pid} {description.proxy_url}\n".encode())
        write_private(self.path / "world.json", msgspec.json.format(msgspec.json.encode(description)))

    def forget(self) -> None:
        """Remove the published addresses."""
        (self.path / "world.json").unlink(missing_ok=True)
        self.proxy.unlink(missing_ok=True)

    def is_run_by(self, description: Description) -> bool:
        """Say whether the process that published a description still runs the world of this directory: it is that very
        process, and has the lock file open. False too for a process that cannot be seen from here."""
        return description.process.is_current() and has_open(description.pid, self.lock_file)

    def running(self) -> Description:
        """Return the running world's addresses. Raises NotRunning.

        What a world that was killed has left is not taken for a running one while another command has the lock.
        """
        description = None
        for _ in range(_ATTEMPTS):
            if not self.path.is_dir() or not self.is_running():
                raise NotRunning(
                    f"No world is running in {self.path}.",
                    next_step="start one with podrole up, or name another directory with --dir",
                )
            description = self._described()
            if description is not None and sys.platform != "linux":
                return description  # its process cannot be seen; the lock says that there is one
            if description is not None and self.is_run_by(description):
                return description
            time.sleep(_ATTEMPT_SECONDS)
        if description is None:
            raise NotRunning(f"The world in {self.path} is still starting.", next_step="try again in a moment")
        return description  # its process cannot be seen: it runs in another container, for example

    def _described(self) -> Description | None:
        try:
            return msgspec.json.decode((self.path / "world.json").read_bytes(), type=Description)
        except FileNotFoundError:
            return None

    def secrets(self, *, now: float, key_id: Callable[[], str]) -> Secrets:
        """Return this world's secrets, which are created the first time. ``key_id`` creates an access key id.

        Raises WorldError if the file exists but cannot be read: secrets that credentials depend on are never replaced.
        """
        path = self.secrets_file
        if not path.exists():
            made = make_secrets(now, key_id())
            write_private(path, msgspec.json.encode(made))
            return loaded(made)
        try:
            return loaded(msgspec.json.decode(path.read_bytes(), type=StoredSecrets))
        except (msgspec.MsgspecError, ValueError, OSError) as problem:
            raise WorldError(
                f"The secrets of the world in {self.path} cannot be read.",
                next_step=f"restore {path}, or remove it to get new ones; old credentials are then no longer valid",
            ) from problem

    def stored_secrets(self) -> bytes:
        """Return the secrets as they are stored. Raises NotRunning if no world has run here."""
        return msgspec.json.encode(self._stored())

    def keep_signing_keys(self, keys: Sequence[SigningKey], record: IssuerRecord) -> None:
        """Replace the stored keys of the cluster's tokens and their record; the first key signs. Raises FileProblem."""
        changed = msgspec.structs.replace(
            self._stored(),
            signing_keys=[key.to_pem().decode() for key in keys],
            key_record=to_json(record).decode(),
        )
        write_private(self.secrets_file, msgspec.json.encode(changed))

    def administrator_token(self) -> str:
        """Return the bearer token of the cluster's administrator. Raises NotRunning if no world has run here."""
        return self._stored().cluster_token

    def admin_credentials(self) -> tuple[str, str]:
        """Return the administrator's access key id and secret. Raises NotRunning if no world has run here."""
        stored = self._stored()
        return stored.admin_key_id, stored.admin_secret

    def _stored(self) -> StoredSecrets:
        try:
            return msgspec.json.decode(self.secrets_file.read_bytes(), type=StoredSecrets)
        except FileNotFoundError:
            raise NotRunning(f"No world has run in {self.path}.", next_step="start one with podrole up") from None
