"""Whose call an exchange was, as the event log tells it: nobody is believed before the token is."""

from __future__ import annotations

from support.aws import ISSUER, PROVIDER_ARN, READER, SUBJECT, LocalAWS, trust_policy

STRANGER = "system:serviceaccount:shop:checkout"


def test_the_event_names_the_subject_that_the_role_does_not_trust(aws: LocalAWS) -> None:
    aws.set_up_role()
    assert aws.exchange(aws.token(sub=STRANGER)).status_code == 403
    assert aws.last_event().who == STRANGER


def test_the_event_of_an_unverified_token_names_no_subject(aws: LocalAWS) -> None:
    aws.set_up_role()
    for claims in ({"aud": ["elsewhere"]}, {"exp": 1}, {"iss": "https://other.example.com"}):
        assert aws.exchange(aws.token(sub=STRANGER, **claims)).status_code == 400
        assert aws.last_event().who == "anonymous"


def test_the_event_of_an_exchange_names_the_pod(aws: LocalAWS) -> None:
    aws.set_up_role()
    pod = {"namespace": "shop", "pod": {"name": "whoami", "uid": "1-2-3"}}
    assert aws.exchange(aws.token(**{"kubernetes.io": pod})).status_code == 200
    event = aws.last_event()
    assert event.on == READER
    assert event.who.endswith(":assumed-role/reader/web")
    assert event.explanation == {"subject": SUBJECT, "issuer": ISSUER, "provider": PROVIDER_ARN, "pod": "whoami"}


def test_a_pod_claim_of_another_shape_is_left_out(aws: LocalAWS) -> None:
    aws.set_up_role(trust_policy())
    for claim in ("text", {"pod": 1}, {"pod": {"name": ["x"]}}, {"pod": {"name": "a\nb"}}):
        assert aws.exchange(aws.token(**{"kubernetes.io": claim})).status_code == 200
        assert "pod" not in (aws.last_event().explanation or {})
