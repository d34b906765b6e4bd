"""Every way to present a token that the issuer did not make for this caller, over HTTP."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest

from podrole.oidc.keys import SigningKey, jwks
from support.aws import SUBJECT, LocalAWS, refusal
from support.forgery import altered, claims, ecdsa_der, forge, hmac_with, part, pss, public_pem
from support.issuer import HOST, ISSUER
from support.keys import rsa_key

Token = Callable[[LocalAWS], str]

NO_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
BAD_SIGNATURE = "Token signature invalid"
INVALID = (
    "The web identity token provided could not be validated. See the AssumeRoleWithWebIdentity documentation for "
    "requirements."
)
NO_PROVIDER = "No OpenIDConnect provider found in your account for "
EC_KEY = SigningKey.generate("ES256")
OTHER_KEY = rsa_key(1)


def exchange_is_refused(aws: LocalAWS, token: str, message: str, code: str = "InvalidIdentityToken") -> None:
    aws.set_up_role()
    fetched = list(aws.issuer.asked)
    assert refusal(aws.exchange(token)) == (400, code, message)
    event = aws.last_event()
    assert (event.outcome, event.code) == ("refused", code)
    assert token not in repr(event)
    if message == NO_JWT:
        assert aws.issuer.asked == fetched, "no key is fetched for a malformed token"


def _deep(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


MALFORMED: dict[str, Token] = {
    "a word": lambda _: "abcd",
    "two segments": lambda aws: forge(aws).rpartition(".")[0],
    "four segments": lambda aws: forge(aws) + ".abcd",
    "five segments, as of an encrypted token": lambda aws: forge(aws) + ".abcd.abcd",
    "an empty signature": lambda aws: altered(forge(aws), 2, lambda _: ""),
    "an empty payload": lambda aws: altered(forge(aws), 1, lambda _: ""),
    "an empty header": lambda aws: altered(forge(aws), 0, lambda _: ""),
    "a blank before it": lambda aws: " " + forge(aws),
    "a line end after it": lambda aws: forge(aws) + "\n",
    "a line end within it": lambda aws: forge(aws).replace(".", ".\r\n", 1),
    "the scheme Bearer before it": lambda aws: "Bearer " + forge(aws),
    "padding": lambda aws: altered(forge(aws), 0, lambda text: text + "=="),
    "the alphabet of plain base64": lambda aws: altered(forge(aws), 2, lambda text: "+/" + text[2:]),
    "a segment of five characters": lambda aws: altered(forge(aws), 2, lambda _: "abcde"),
    "a signature in a second spelling": lambda aws: altered(forge(aws), 2, _respelt),
    "letters of another script": lambda aws: altered(forge(aws), 0, lambda text: "ａ" + text[1:]),
    "percent-encoding": lambda aws: urllib.parse.quote(forge(aws), safe="").replace(".", "%2E"),
    "JSON serialization": lambda aws: json.dumps({"payload": part(claims(aws)), "signatures": []}),
    "a header that is no JSON": lambda aws: forge(aws, b"{alg:RS256}"),
    "a header that is a list": lambda aws: forge(aws, ["RS256"]),
    "a header with something behind it": lambda aws: forge(aws, b'{"alg":"RS256"} {}'),
    "a payload that is no JSON": lambda aws: forge(aws, payload=b"{'iss': 1}"),
    "a payload that is a string": lambda aws: forge(aws, payload="claims"),
    "a payload that is null": lambda aws: forge(aws, payload=b"null"),
    "a payload with a comment": lambda aws: forge(aws, payload=b"{} // nothing"),
    "a payload in UTF-16": lambda aws: forge(aws, payload=json.dumps(claims(aws)).encode("utf-16")),
    "a payload with a byte order mark": lambda aws: forge(aws, payload=b"\xef\xbb\xbf" + _json(claims(aws))),
    "a payload that is no UTF-8": lambda aws: forge(aws, payload=b'{"iss":"\xff"}'),
    "a payload with NaN": lambda aws: forge(aws, payload=_json(claims(aws)).replace(b"{", b'{"x":NaN,')),
    "a payload with Infinity": lambda aws: forge(aws, payload=_json(claims(aws)).replace(b"{", b'{"x":-Infinity,')),
    "a payload nested without end": lambda aws: forge(aws, payload=_deep(2_400)),
    "an integer of 5000 digits": lambda aws: forge(aws, payload=b'{"x":' + b"1" * 5_000 + b"}"),
    "the issuer twice": lambda aws: forge(aws, payload=_json(claims(aws)).replace(b"{", b'{"iss":"https://x",')),
    "the subject twice": lambda aws: forge(aws, payload=_json(claims(aws))[:-1] + b',"sub":"admin"}'),
    "a member twice within a claim": lambda aws: forge(aws, payload=b'{"kubernetes.io":{"a":1,"a":2}}'),
    "the algorithm twice": lambda aws: forge(aws, b'{"alg":"RS256","alg":"none"}'),
    "alg none, unsigned": lambda aws: _unsigned(aws, "none") + "A",
    "alg none, with no signature": lambda aws: _unsigned(aws, "none"),
    "alg None": lambda aws: _unsigned(aws, "None") + "AA",
    "alg NONE": lambda aws: _unsigned(aws, "NONE") + "AA",
    "alg nOnE with a good signature": lambda aws: forge(aws, alg="nOnE"),
    "alg empty": lambda aws: forge(aws, alg=""),
    "alg null": lambda aws: forge(aws, alg=None),
    "alg missing": lambda aws: forge(aws, {"kid": aws.issuer.keys[0].kid}),
    "alg a number": lambda aws: forge(aws, alg=256),
    "alg a list": lambda aws: forge(aws, alg=["RS256"]),
    "alg in lower case": lambda aws: forge(aws, alg="rs256"),
    "alg with a blank": lambda aws: forge(aws, alg="RS256 "),
    "HS256 with the public key as secret": lambda aws: forge(
        aws, alg="HS256", sign=hmac_with(public_pem(aws.issuer.keys[0]))
    ),
    "HS512 with the public key as secret": lambda aws: forge(
        aws, alg="HS512", sign=hmac_with(public_pem(aws.issuer.keys[0]), "sha512")
    ),
    "HS256 with the modulus as secret": lambda aws: forge(
        aws, alg="HS256", sign=hmac_with(jwks([aws.issuer.keys[0].verification_key])["keys"][0]["n"].encode())
    ),
    "HS256 with an empty secret": lambda aws: forge(aws, alg="HS256", sign=hmac_with(b"")),
    "PS256, well signed": lambda aws: forge(aws, alg="PS256", sign=pss(aws.issuer.keys[0])),
    "EdDSA": lambda aws: forge(aws, alg="EdDSA"),
    "ES256K": lambda aws: forge(aws, alg="ES256K"),
    "RSA1_5": lambda aws: forge(aws, alg="RSA1_5"),
    "its own key in the header": lambda aws: forge(
        aws, sign=OTHER_KEY.sign, jwk=jwks([OTHER_KEY.verification_key])["keys"][0]
    ),
    "an address of keys in the header": lambda aws: forge(aws, sign=OTHER_KEY.sign, jku="https://evil.example.com/k"),
    "an address of a certificate in the header": lambda aws: forge(aws, x5u="https://evil.example.com/c"),
    "a certificate in the header": lambda aws: forge(aws, x5c=["MIIB"]),
    "a critical extension": lambda aws: forge(aws, crit=["exp"], exp=1),
    "a payload that is not encoded": lambda aws: forge(aws, b64=False, crit=["b64"]),
    "a compressed payload": lambda aws: forge(aws, zip="DEF"),
    "an encrypted payload": lambda aws: forge(aws, enc="A256GCM"),
    "a key id that is a number": lambda aws: forge(aws, kid=1),
    "a key id that is a list": lambda aws: forge(aws, kid=[aws.issuer.keys[0].kid]),
    "a key id that is null": lambda aws: forge(aws, kid=None),
}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _unsigned(aws: LocalAWS, algorithm: str) -> str:
    return f"{part({'alg': algorithm})}.{part(claims(aws))}."


def _respelt(segment: str) -> str:
    """Write the last character so that lenient decoders read the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]


@pytest.mark.parametrize("token", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_token_is_refused_before_any_key_is_fetched(aws: LocalAWS, token: Token) -> None:
    exchange_is_refused(aws, token(aws), NO_JWT)


def _flipped(aws: LocalAWS) -> str:
    return altered(forge(aws), 2, lambda text: ("A" if text[0] != "A" else "B") + text[1:])


def _with_claim(**changed: Any) -> Token:
    """A good token's signature over other claims."""
    return lambda aws: altered(forge(aws), 1, lambda _: part(claims(aws, **changed)))


FALSELY_SIGNED: dict[str, Token] = {
    "one bit flipped": _flipped,
    "a signature cut short": lambda aws: altered(forge(aws), 2, lambda text: text[:336]),
    "a signature with zeros before it": lambda aws: forge(aws, sign=lambda s: b"\0\0\0" + aws.issuer.keys[0].sign(s)),
    "a signature of zeros": lambda aws: forge(aws, sign=lambda _: bytes(256)),
    "the signature one": lambda aws: forge(aws, sign=lambda _: bytes(255) + b"\1"),
    "another key under the same id": lambda aws: forge(aws, sign=OTHER_KEY.sign),
    "another subject put in": _with_claim(sub="system:serviceaccount:kube-system:admin"),
    "a longer life put in": _with_claim(exp=4_000_000_000),
    "session tags put in": _with_claim(**{"https://aws.amazon.com/tags": {"principal_tags": {"team": ["admin"]}}}),
    "the signature of another token": lambda aws: altered(
        forge(aws), 2, lambda _: forge(aws, payload=claims(aws, sub="x:y")).split(".")[2]
    ),
    "another header put in": lambda aws: altered(
        forge(aws), 0, lambda _: part({"alg": "RS256", "kid": aws.issuer.keys[0].kid, "typ": "at+jwt"})
    ),
    "RS512 in the header of an RS256 signature": lambda aws: _with_keys_without_algorithm(aws, "RS512"),
}


def _with_keys_without_algorithm(aws: LocalAWS, algorithm: str) -> str:
    """The issuer names no algorithm with its key, so that the header's word is all there is."""
    entry = jwks([aws.issuer.keys[0].verification_key])["keys"][0]
    del entry["alg"]
    aws.issuer.key_set = {"keys": [entry]}
    return forge(aws, alg=algorithm)


@pytest.mark.parametrize("token", FALSELY_SIGNED.values(), ids=FALSELY_SIGNED.keys())
def test_a_token_that_the_issuers_key_did_not_sign_is_refused(aws: LocalAWS, token: Token) -> None:
    exchange_is_refused(aws, token(aws), BAD_SIGNATURE)


def _elliptic(aws: LocalAWS) -> LocalAWS:
    aws.issuer.keys = [EC_KEY]
    return aws


FALSELY_SIGNED_ON_A_CURVE: dict[str, Token] = {
    "a signature in ASN.1": lambda aws: forge(_elliptic(aws), sign=ecdsa_der(EC_KEY)),
    "r and s zero": lambda aws: forge(_elliptic(aws), sign=lambda _: bytes(64)),
    "r and s the order of the curve": lambda aws: forge(
        _elliptic(aws),
        sign=lambda _: bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551") * 2,
    ),
    "a signature too long": lambda aws: forge(_elliptic(aws), sign=lambda signed: EC_KEY.sign(signed) + b"\0"),
    "half a signature": lambda aws: forge(_elliptic(aws), sign=lambda signed: EC_KEY.sign(signed)[:32]),
    "another curve's key under the same id": lambda aws: forge(_elliptic(aws), sign=SigningKey.generate("ES256").sign),
}


@pytest.mark.parametrize("token", FALSELY_SIGNED_ON_A_CURVE.values(), ids=FALSELY_SIGNED_ON_A_CURVE.keys())
def test_a_token_that_the_issuers_curve_did_not_sign_is_refused(aws: LocalAWS, token: Token) -> None:
    exchange_is_refused(aws, token(aws), BAD_SIGNATURE)


WITHOUT_A_KEY: dict[str, Token] = {
    "a key id that the issuer does not publish": lambda aws: forge(aws, kid="nobody's"),
    "no key id": lambda aws: forge(aws, {"alg": "RS256"}),
    "an empty key id": lambda aws: forge(aws, kid=""),
    "a path as key id": lambda aws: forge(aws, kid="../../../../dev/null"),
    "SQL as key id": lambda aws: forge(aws, kid="' UNION SELECT 'secret"),
    "a key id in another case": lambda aws: forge(aws, kid=aws.issuer.keys[0].kid.swapcase()),
    "an elliptic algorithm with an RSA key": lambda aws: forge(aws, alg="ES256", sign=lambda _: bytes(64)),
    "RS256 with an elliptic key": lambda aws: forge(_elliptic(aws), alg="RS256"),
    "ES384 with a key of P-256": lambda aws: forge(_elliptic(aws), alg="ES384", sign=lambda _: bytes(96)),
    "RS384 with a key published for RS256": lambda aws: forge(aws, alg="RS384"),
}


@pytest.mark.parametrize("token", WITHOUT_A_KEY.values(), ids=WITHOUT_A_KEY.keys())
def test_a_token_for_which_the_issuer_has_no_key_is_refused(aws: LocalAWS, token: Token) -> None:
    exchange_is_refused(aws, token(aws), NO_KEY)


def _claim(name: str, value: Any) -> Token:
    return lambda aws: forge(aws, payload={**claims(aws), name: value})


def _without(name: str) -> Token:
    return lambda aws: forge(aws, payload=claims(aws, **{name: None}))


TAGS = "https://aws.amazon.com/tags"
NOT_IN_FORMAT = "Session tags passed in claim are not in correct format."
BAD_TIME = "Invalid timestamp in token claims."
FUTURE = "Token issued in the future."
CLAIMS: dict[str, tuple[Token, str]] = {
    "no issuer": (_without("iss"), "Missing a required claim: iss"),
    "no subject": (_without("sub"), "Missing a required claim: sub"),
    "no audience": (_without("aud"), "Missing a required claim: aud"),
    "no time of issue": (_without("iat"), "Missing a required claim: iat"),
    "no expiry": (_without("exp"), "Missing a required claim: exp"),
    "an issuer of null": (_claim("iss", None), "Missing a required claim: iss"),
    "no claim at all": (lambda aws: forge(aws, payload={}), "Missing a required claim: iss"),
    "an issuer that is a list": (_claim("iss", [ISSUER]), INVALID),
    "an issuer that is empty": (_claim("iss", ""), INVALID),
    "an issuer with a NUL": (_claim("iss", ISSUER + "\0"), INVALID),
    "an issuer with a line end": (_claim("iss", ISSUER + "\n"), INVALID),
    "an issuer with half a character": (_claim("iss", ISSUER + "\ud800"), INVALID),
    "a subject that is a number": (_claim("sub", 7), INVALID),
    "a subject that is an object": (_claim("sub", {"name": SUBJECT}), INVALID),
    "a subject that is empty": (_claim("sub", ""), INVALID),
    "a subject with a line end": (_claim("sub", SUBJECT + "\n"), INVALID),
    "a subject of 256 characters": (_claim("sub", "x" * 256), INVALID),
    "an audience that is a number": (_claim("aud", 1), INVALID),
    "an audience that is empty": (_claim("aud", ""), INVALID),
    "an audience that is an empty list": (_claim("aud", []), INVALID),
    "an audience that is an object": (_claim("aud", {"sts.amazonaws.com": True}), INVALID),
    "an audience that holds a list": (_claim("aud", [["sts.amazonaws.com"]]), INVALID),
    "an audience that holds null": (_claim("aud", ["sts.amazonaws.com", None]), INVALID),
    "an authorized party that is a list": (_claim("azp", ["sts.amazonaws.com"]), INVALID),
    "an authorized party that is empty": (_claim("azp", ""), INVALID),
    "methods that are numbers": (_claim("amr", [1]), INVALID),
    "methods with half a character": (_claim("amr", ["\ud800"]), INVALID),
    "an e-mail address that is a list": (_claim("email", ["a@example.com"]), INVALID),
    "two audiences": (
        _claim("aud", ["sts.amazonaws.com", "other"]),
        "Token audience contains more than one audience while authorized party is not present",
    ),
    "the same audience twice": (
        _claim("aud", ["sts.amazonaws.com", "sts.amazonaws.com"]),
        "Token audience contains more than one audience while authorized party is not present",
    ),
    "another audience": (_claim("aud", ["kubernetes"]), "Incorrect token audience"),
    "the audience in another case": (_claim("aud", "STS.amazonaws.com"), "Incorrect token audience"),
    "the audience with a blank": (_claim("aud", "sts.amazonaws.com "), "Incorrect token audience"),
    "a wildcard audience": (_claim("aud", "*"), "Incorrect token audience"),
    "another authorized party": (_claim("azp", "other"), "Incorrect token audience"),
    "an expiry that is text": (lambda aws: _claim("exp", str(int(aws.now()) + 60))(aws), BAD_TIME),
    "an expiry with a fraction": (lambda aws: _claim("exp", aws.now() + 60.5)(aws), BAD_TIME),
    "an expiry that is true": (_claim("exp", True), BAD_TIME),
    "an expiry beyond 64 bits": (_claim("exp", 10**30), BAD_TIME),
    "an expiry that is a list": (_claim("exp", [4_000_000_000]), BAD_TIME),
    "a time of issue that is text": (_claim("iat", "0"), BAD_TIME),
    "a not-before that is text": (_claim("nbf", "0"), BAD_TIME),
    "issued in six minutes": (lambda aws: _claim("iat", int(aws.now()) + 360)(aws), FUTURE),
    "not valid for six minutes": (lambda aws: _claim("nbf", int(aws.now()) + 360)(aws), FUTURE),
    "issued in the year 5138": (_claim("iat", 100_000_000_000), FUTURE),
    "tags that are text": (_claim(TAGS, "team=a"), NOT_IN_FORMAT),
    "tags that are a list": (
        _claim(TAGS, {"principal_tags": ["team"]}),
        "principal_tags passed in claim is not in correct format.",
    ),
    "a tag with two values": (
        _claim(TAGS, {"principal_tags": {"team": ["a", "b"]}}),
        "principal_tags passed in claim is not in correct format.",
    ),
    "a tag of AWS's own": (_claim(TAGS, {"principal_tags": {"aws:x": ["a"]}}), NOT_IN_FORMAT),
    "a tag with half a character": (_claim(TAGS, {"principal_tags": {"a": ["\ud800"]}}), NOT_IN_FORMAT),
    "a source identity with a blank": (_claim("https://aws.amazon.com/source_identity", "a b"), INVALID),
    "a source identity that is a list": (_claim("https://aws.amazon.com/source_identity", ["alice"]), INVALID),
}


@pytest.mark.parametrize(("token", "message"), CLAIMS.values(), ids=CLAIMS.keys())
def test_a_token_with_an_invalid_claim_is_refused(aws: LocalAWS, token: Token, message: str) -> None:
    exchange_is_refused(aws, token(aws), message)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"principal_tags": {"team": ["a"], "Team": ["b"]}}, "Duplicate tag keys found."),
        (
            {"principal_tags": {"team": ["a"]}, "transitive_tag_keys": ["stage"]},
            "The specified transitive tag key must be included",
        ),
    ],
    ids=["keys that differ in case", "a transitive key without its tag"],
)
def test_tags_that_contradict_each_other_are_refused(aws: LocalAWS, tags: dict[str, Any], message: str) -> None:
    aws.set_up_role()
    status, code, told = refusal(aws.exchange(forge(aws, payload=claims(aws, **{TAGS: tags}))))
    assert (status, code) == (400, "InvalidParameterValue")
    assert told.startswith(message)


OTHER_ISSUERS = {
    "plain http": ISSUER.replace("https", "http"),
    "no scheme": ISSUER.removeprefix("https://"),
    "a scheme in capitals": ISSUER.replace("https", "HTTPS"),
    "a trailing slash": ISSUER + "/",
    "a host in capitals": ISSUER.replace(HOST, HOST.upper()),
    "the host's root label": ISSUER.replace(HOST, HOST + "."),
    "the port written out": ISSUER.replace(HOST, HOST + ":443"),
    "a user name": ISSUER.replace(HOST, "x@" + HOST),
    "a path in lower case": ISSUER.lower(),
    "a path to itself": ISSUER + "/../ABC",
    "a percent-encoded path": ISSUER.replace("ABC", "%41BC"),
    "a query": ISSUER + "?a=b",
    "a fragment": ISSUER + "#a",
    "a longer name": ISSUER + "D",
    "a shorter name": ISSUER[:-1],
    "a subdomain": ISSUER.replace(HOST, "a." + HOST),
    "a blank before it": " " + ISSUER,
    "the provider's ARN": "arn:aws:iam::111122223333:oidc-provider/" + ISSUER.removeprefix("https://"),
    "markup": "https://<script>&amp;",
    "a letter that looks the same": ISSUER.replace("example", "ex\u0430mple"),
}


@pytest.mark.parametrize("issuer", OTHER_ISSUERS.values(), ids=OTHER_ISSUERS.keys())
def test_an_issuer_must_match_the_provider_exactly(aws: LocalAWS, issuer: str) -> None:
    exchange_is_refused(aws, forge(aws, payload=claims(aws, iss=issuer)), NO_PROVIDER + issuer)
    assert aws.issuer.asked == [], "nothing of a token decides whom podrole asks"


def test_a_token_longer_than_the_api_takes_is_a_validation_error_that_does_not_repeat_it(aws: LocalAWS) -> None:
    token = forge(aws, payload=claims(aws, x="x" * 20_000))
    status, code, message = refusal(aws.exchange(token))
    assert (status, code) == (400, "ValidationError")
    assert message == (
        "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: "
        "Member must have length less than or equal to 20000"
    )


def test_an_expired_token_is_accepted_for_five_more_minutes(aws: LocalAWS) -> None:
    aws.set_up_role()
    now = int(aws.now())
    assert aws.exchange(forge(aws, payload=claims(aws, exp=now - 290))).status_code == 200
    status, code, message = refusal(aws.exchange(forge(aws, payload=claims(aws, exp=now - 310))))
    assert (status, code) == (400, "ExpiredTokenException")
    told, _, expiry = message.partition(" must be before the expiration date/time ")
    assert expiry == str(now - 310)
    assert abs(int(told.removeprefix("Token expired: current date/time ")) - now) < 30


def test_a_token_issued_long_ago_is_too_old_whatever_its_expiry(aws: LocalAWS) -> None:
    aws.set_up_role()
    now = int(aws.now())
    assert aws.exchange(forge(aws, payload=claims(aws, iat=now - 86_390))).status_code == 200
    status, code, message = refusal(aws.exchange(forge(aws, payload=claims(aws, iat=now - 86_500, exp=now + 9))))
    assert (status, code) == (400, "ExpiredTokenException")
    assert 86_500 <= int(message.removeprefix("Token too old: ")) < 86_530


def test_the_times_of_a_wrongly_signed_token_are_not_reported(aws: LocalAWS) -> None:
    exchange_is_refused(aws, forge(aws, payload=claims(aws, exp=1), sign=OTHER_KEY.sign), BAD_SIGNATURE)


def test_a_valid_token_passes(aws: LocalAWS) -> None:
    aws.set_up_role()
    answers = [
        aws.exchange(token)
        for token in (
            forge(aws),
            forge(aws, typ="JWT"),
            forge(aws, payload=claims(aws, aud="sts.amazonaws.com")),
            forge(aws, payload=claims(aws, aud=["a", "b"], azp="sts.amazonaws.com")),
            forge(aws, payload=claims(aws, nbf=None, iat=int(aws.now()) + 290)),
        )
    ]
    assert [answer.status_code for answer in answers] == [200] * 5


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"])
def test_every_algorithm_that_aws_accepts_passes(aws: LocalAWS, algorithm: Any) -> None:
    aws.set_up_role()
    aws.issuer.keys.append(SigningKey.generate(algorithm))
    assert aws.exchange().status_code == 200


def test_a_claim_is_answered_as_text_and_never_as_markup(aws: LocalAWS) -> None:
    subject = "</Message><Code>x</Code>&lt;'\""
    aws.set_up_role({"Version": "2012-10-17", "Statement": [_everybody()]})
    answer = aws.exchange(forge(aws, payload=claims(aws, sub=subject)))
    assert answer.status_code == 200
    assert "<SubjectFromWebIdentityToken>&lt;/Message&gt;" in answer.text


def _everybody() -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/" + ISSUER.removeprefix("https://")},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }


def test_the_event_of_any_token_can_be_written(aws: LocalAWS) -> None:
    odd = {"x": "\ud800", "y": 10**30, "z": [[[[[[[[["deep"]]]]]]]]], "\ud801": 1, "l": "x" * 3_000}
    token = forge(aws, payload={**claims(aws, aud="other"), **odd}, odd="\udfff")
    exchange_is_refused(aws, token, "Incorrect token audience")
    told = json.dumps(aws.last_event().explanation)
    assert "an integer of 100 bits" in told
    assert len(told) < 6_000
