"""``podrole issuer init``: plan, show, and with ``--approve`` make what serves an issuer and its first documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from podrole.base.clock import system_clock
from podrole.cli.issuer.next_steps import command
from podrole.cli.issuer.places import IssuerOptions, open_account, open_store
from podrole.cli.issuer.publishing import record_dict
from podrole.cli.setup.applying import SetupOutcome, progress
from podrole.cli.setup.plan_text import write_dict, write_lines
from podrole.cli.setup.run import DONE, NOT_DONE, PENDING
from podrole.cli.style import style
from podrole.cli.terminal import harmless, say
from podrole.hosting.account import AWSHosting
from podrole.hosting.bucket_store import BucketStore
from podrole.hosting.plan import HostingPlan, plan_hosting
from podrole.hosting.wanted import ISSUER_NAME, HostedIssuer, HostingFound, check_bucket
from podrole.issuer.errors import InvalidIssuer
from podrole.issuer.publishing import DISCOVERY, RECORD, IssuerPublisher
from podrole.issuer.record import DAY_SECONDS, IssuerRecord
from podrole.issuer.store import DocumentStore, split_location
from podrole.setup.apply import Applying, Replan
from podrole.setup.group import PlanPart, PlanRefusal
from podrole.setup.writes import WriteKind

OWN_CACHE_SECONDS, OTHER_CACHE_SECONDS = 300, 3_600
"""How long a cache may keep a document, if nobody says: behind podrole's own distribution, and behind another one."""


@dataclass(frozen=True, slots=True)
class WantedIssuer:
    """What to make. Without ``url`` podrole makes what serves the documents: a bucket, public if ``cloudfront`` is
    False."""

    name: str | None
    url: str | None
    cloudfront: bool | None
    cache_seconds: int | None
    longest_token_seconds: int | None
    approve: bool

    def record(self, url: str, cache_seconds: int) -> IssuerRecord:
        """Return the record of a new issuer."""
        cache = cache_seconds if self.cache_seconds is None else self.cache_seconds
        longest = DAY_SECONDS if self.longest_token_seconds is None else self.longest_token_seconds
        return IssuerRecord(url, cache_seconds=cache, longest_token_seconds=longest)

    def refuse_other_times(self, record: IssuerRecord, there: IssuerRecord | None) -> None:
        """Raise InvalidIssuer if an issuer that is there has other times: a key could sign, or go, too early."""
        if there is None:
            return
        for option, value, wanted, kept in (
            ("--cache", self.cache_seconds, record.cache_seconds, there.cache_seconds),
            ("--longest-token", self.longest_token_seconds, record.longest_token_seconds, there.longest_token_seconds),
        ):
            if value is not None and wanted != kept:
                raise InvalidIssuer(
                    f"The issuer is there with another {option}, which stays.",
                    got=f"{wanted}s",
                    expected=f"{kept}s",
                    next_step=f"leave {option} out",
                )


def init(wanted: WantedIssuer, options: IssuerOptions) -> int:
    """Plan, and with ``--approve`` make an issuer. Returns the exit code. Raises PodroleError."""
    kind, _ = split_location(options.to)
    if wanted.url is not None and wanted.cloudfront is not None:
        raise InvalidIssuer(
            "--issuer names a URL that you serve; podrole makes nothing that serves it.",
            got="--cloudfront" if wanted.cloudfront else "--public-bucket",
            next_step="leave one of the two out",
        )
    if wanted.url is None and kind == "s3":
        return _init_hosted(wanted, options)
    if wanted.url is None:
        raise InvalidIssuer(
            "The issuer has no URL.", expected="--issuer, the https URL under which you serve the documents"
        )
    record = wanted.record(wanted.url, OTHER_CACHE_SECONDS)
    with open_store(options, record.cache_seconds) as store:
        publisher = IssuerPublisher(store, system_clock)
        wanted.refuse_other_times(record, publisher.existing(record))
        shown = _Shown(options, HostingPlan(PlanPart(), wanted.url), publisher.missing(record), store.what)
        if wanted.approve and shown.documents:
            shown.made(publisher, record)
        return shown.end(approved=wanted.approve)


def _init_hosted(wanted: WantedIssuer, options: IssuerOptions) -> int:
    _, place = split_location(options.to)
    bucket, _, prefix = place.partition("/")
    prefix = prefix.strip("/")
    public = wanted.cloudfront is False
    check_bucket(bucket, prefix, public=public)
    if wanted.name is None:
        raise InvalidIssuer("The issuer has no name, which its bucket is tagged with.", expected="--name, such as prod")
    with open_account(options) as session:
        hosting = AWSHosting(session)
        region = hosting.region_of(bucket) or session.region
        hosted = HostedIssuer(wanted.name, bucket, prefix, session.account, session.partition, region, public)
        record = wanted.record("", OWN_CACHE_SECONDS)
        # CloudFront keeps every object for a second at least.
        record = replace(record, cache_seconds=max(1, record.cache_seconds))
        store = BucketStore(session.client("s3"), bucket, prefix, record.cache_seconds)

        def find() -> HostingFound:
            current = hosting.find(hosted)
            if current.bucket is None or current.bucket.tags.get(ISSUER_NAME) != hosted.name:
                return current
            return replace(current, issuer=IssuerPublisher(store, system_clock).named_issuer())

        plan = plan_hosting(hosted, find())
        shown = _Shown(options, plan, _documents(plan, store, wanted, record), store.what, hosted)
        if wanted.approve and not plan.part.refusals and (plan.part.writes or shown.documents):
            group = Replan(
                f"issuer {hosted.name}",
                lambda: asyncio.to_thread(find),
                lambda current: plan_hosting(hosted, current).part.writes,
            )
            applying = Applying(None, hosting, progress(quiet=options.as_json))
            shown.outcome = SetupOutcome(asyncio.run(applying.run([group])))
            if shown.outcome.complete:
                shown.later = after = plan_hosting(hosted, find())
                if not after.part.refusals and after.url is not None:
                    shown.made(IssuerPublisher(store, system_clock), replace(record, issuer=after.url))
        return shown.end(approved=wanted.approve)


def _documents(plan: HostingPlan, store: DocumentStore, wanted: WantedIssuer, record: IssuerRecord) -> tuple[str, ...]:
    """Return the documents that are still to be written."""
    if plan.part.refusals:
        return ()
    if plan.url is None or any(write.kind is WriteKind.CREATE for write in plan.part.writes):
        return (DISCOVERY, RECORD)
    publisher, record = IssuerPublisher(store, system_clock), replace(record, issuer=plan.url)
    wanted.refuse_other_times(record, publisher.existing(record))
    return publisher.missing(record)


def _refusals(refusals: Sequence[PlanRefusal]) -> list[str]:
    return [
        line
        for refusal in refusals
        for line in (style().paint(f"! {harmless(refusal.what)}", "31"), f"  Next: {harmless(refusal.next_step)}")
    ]


class _Shown:
    """A plan that is shown at once, and what became of it."""

    def __init__(
        self,
        options: IssuerOptions,
        plan: HostingPlan,
        documents: tuple[str, ...],
        where: str,
        hosted: HostedIssuer | None = None,
    ) -> None:
        self.documents = documents
        self.outcome = SetupOutcome(())
        self.record: IssuerRecord | None = None
        self.later: HostingPlan | None = None
        self._plan = plan
        self._options = options
        self._where = where
        self._unknown_keys = False
        self._hosted = hosted
        if not options.as_json:
            say("\n".join(self._lines()))

    def made(self, publisher: IssuerPublisher, record: IssuerRecord) -> None:
        """Write the documents, and note whether keys are published of which the record knows nothing."""
        self.record = publisher.create(record)
        self._unknown_keys = bool(publisher.read().foreign)

    def end(self, *, approved: bool) -> int:
        """Say what was done, and return the exit code."""
        refused = self._plan.part.refusals or (self.later.part.refusals if self.later is not None else ())
        pending = bool(self._plan.part.writes or self.documents)
        code = NOT_DONE if refused or not self.outcome.complete else PENDING if pending and not approved else DONE
        if self._options.as_json:
            print(json.dumps({**self._dict(), "exit_code": code}, indent=2))
            return code
        lines = [*self.outcome.lines(style()), *_refusals(() if self.later is None else self.later.part.refusals)]
        if lines:
            say("\n".join(lines))
        if code == PENDING:
            say("\nNothing has been changed. Add --approve to make these changes.")
        elif self.record is not None:
            say(f"Issuer {self.record.issuer}")
            for note in self.later.part.notes if self.later is not None else ():
                say(f"  {note}")
            if self._unknown_keys:
                say("  Keys are published that no record knows. If its record was lost, --rebuild takes them over:")
            again = " --rebuild" if self._unknown_keys else ""
            words = f"publish --cluster CLUSTER --from-cluster{again}"
            say("\nNext: publish the cluster's keys. CLUSTER is a name of your choice, in a world it is podrole:")
            say(f"  {command(words, self._options, asks_the_cluster=True)}")
        elif code == DONE:
            say(f"\nNext: see its keys and the next step:\n  {command('rotate status', self._options)}")
        return code

    def _lines(self) -> list[str]:
        part, hosted = self._plan.part, self._hosted
        lines = [f"Issuer {self._plan.url or '(CloudFront will name its host)'} in {self._where}"]
        if hosted is not None:
            lines += [f"Account {hosted.account}, region {hosted.region}", ""]
        lines += write_lines(part.writes, style())
        lines += [style().paint(f"+ create {path} in {self._where}", "32") for path in self.documents]
        lines += _refusals(part.refusals)
        creates = sum(write.kind is WriteKind.CREATE for write in part.writes) + len(self.documents)
        changes = sum(write.kind is WriteKind.CHANGE for write in part.writes)
        lines += [f"  {harmless(note)}" for note in part.notes]
        counts = ", ".join(f"{count} to {kind}" for count, kind in ((creates, "create"), (changes, "change")) if count)
        if counts:
            lines += ["", f"{counts}."]
        elif not part.refusals:
            lines.append("Nothing to change.")
        return lines

    def _dict(self) -> dict[str, Any]:
        part, hosted = self._plan.part, self._hosted
        latest = self.later or self._plan
        return {
            "issuer": latest.url,
            "place": self._where,
            "name": None if hosted is None else hosted.name,
            "account": None if hosted is None else hosted.account,
            "region": None if hosted is None else hosted.region,
            "writes": [write_dict(write) for write in part.writes],
            "documents": list(self.documents),
            "refusals": [
                {"what": refusal.what, "next_step": refusal.next_step}
                for refusal in part.refusals or latest.part.refusals
            ],
            "notes": list(latest.part.notes),
            "applied": self.outcome.to_dict(),
            "record": None if self.record is None else record_dict(self.record),
        }
