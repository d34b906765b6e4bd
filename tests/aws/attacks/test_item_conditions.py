"""DynamoDB's fine-grained conditions: each attack is refused, and the legitimate call beside it is served."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.authorization import allow, grant
from support.aws import ACCOUNT, REGION, LocalAWS

TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/carts"
ACTIONS = ["BatchGetItem", "GetItem", "PartiQLSelect", "PartiQLUpdate", "PutItem", "Query", "UpdateItem"]
ON_TABLE = {"Action": [f"dynamodb:{name}" for name in ACTIONS], "Resource": [TABLE, f"{TABLE}/index/*"]}
OWN_ITEMS = [
    {"Effect": "Allow", **ON_TABLE, "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "mine"}}}
]
NOT_THEIRS = [
    {"Effect": "Allow", **ON_TABLE},
    {"Effect": "Deny", **ON_TABLE, "Condition": {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": "theirs"}}},
]
SOME_ATTRIBUTES = [
    allow(
        ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem", "dynamodb:PartiQLSelect"],
        [TABLE, f"{TABLE}/index/*"],
        **{
            "ForAllValues:StringEquals": {"dynamodb:Attributes": ["id", "size", "note"]},
            "StringEqualsIfExists": {
                "dynamodb:Select": "SPECIFIC_ATTRIBUTES",
                "dynamodb:ReturnValues": ["NONE", "UPDATED_NEW"],
            },
        },
    )
]
MINE, THEIRS = {"S": "mine"}, {"S": "theirs"}


def get(value: Any = MINE, **given: Any) -> tuple[str, dict[str, Any]]:
    return "get_item", {"TableName": "carts", "Key": {"id": value}, **given}


def query(expression: str, values: dict[str, Any] | None = None, **given: Any) -> tuple[str, dict[str, Any]]:
    values = values or {":v": MINE}
    return "query", {
        "TableName": "carts",
        "KeyConditionExpression": expression,
        "ExpressionAttributeValues": values,
        **given,
    }


def run(statement: str, *parameters: Any) -> tuple[str, dict[str, Any]]:
    return "execute_statement", {"Statement": statement, **({"Parameters": list(parameters)} if parameters else {})}


def update(expression: str, **given: Any) -> tuple[str, dict[str, Any]]:
    values = {":v": {"S": "x"}}
    return "update_item", {
        "TableName": "carts",
        "Key": {"id": MINE},
        "UpdateExpression": expression,
        "ExpressionAttributeValues": values,
        **given,
    }


TWO = {":v": MINE, ":w": THEIRS}
HYPHENS = {"#i": "id", "#i-d": "id"}
Attempt = tuple[str, dict[str, Any]]
CASES: dict[str, tuple[list[dict[str, Any]], Attempt, Attempt]] = {
    "an item of another": (OWN_ITEMS, get(), get(THEIRS)),
    "a query of another": (OWN_ITEMS, query("id = :v"), query("id = :v", {":v": THEIRS})),
    "a placeholder with a hyphen": (
        OWN_ITEMS,
        query("#i = :v", ExpressionAttributeNames={"#i": "id"}),
        query("#i-d = :v", {":v": THEIRS}, ExpressionAttributeNames={"#i-d": "id"}),
    ),
    "a value whose name begins like another's": (
        OWN_ITEMS,
        query("id = :v"),
        query("id = :v-w", {":v": MINE, ":v-w": THEIRS}),
    ),
    "one key of two": (OWN_ITEMS, query("id = :v"), query("id = :v AND id = :w", TWO)),
    "a key that is written as text": (OWN_ITEMS, query("id = :v"), query("id = theirs ")),
    "a binary key": (OWN_ITEMS, get(), get({"B": b"theirs"})),
    "a batch with one item of another": (
        OWN_ITEMS,
        ("batch_get_item", {"RequestItems": {"carts": {"Keys": [{"id": MINE}]}}}),
        ("batch_get_item", {"RequestItems": {"carts": {"Keys": [{"id": MINE}, {"id": THEIRS}]}}}),
    ),
    "an index by another attribute": (
        OWN_ITEMS,
        query("team = :v", IndexName="by-team"),
        query("team = :v", {":v": {"S": "blue"}}, IndexName="by-team"),
    ),
    "a PartiQL statement without a key": (
        OWN_ITEMS,
        run("SELECT * FROM carts WHERE id = 'mine'"),
        run("SELECT * FROM carts"),
    ),
    "a PartiQL statement with the key of another": (
        OWN_ITEMS,
        run("SELECT * FROM carts WHERE id = ?", MINE),
        run("SELECT * FROM carts WHERE id = ?", THEIRS),
    ),
    "a PartiQL statement that widens its key": (
        OWN_ITEMS,
        run("SELECT * FROM carts WHERE id = 'mine' AND note = 'x'"),
        run("SELECT * FROM carts WHERE id = 'mine' OR id = 'theirs'"),
    ),
    "a denied item": (NOT_THEIRS, get(), get(THEIRS)),
    "a denied item by a placeholder that cannot be read": (
        NOT_THEIRS,
        query("#i = :v", ExpressionAttributeNames={"#i": "id"}),
        query("#i-d = :v", {":v": THEIRS}, ExpressionAttributeNames={"#i-d": "id"}),
    ),
    "a denied item by PartiQL": (
        NOT_THEIRS,
        run("SELECT * FROM carts WHERE id = 'mine'"),
        run("SELECT * FROM carts WHERE id IN ['theirs']"),
    ),
    "another attribute": (
        SOME_ATTRIBUTES,
        get(ProjectionExpression="note"),
        get(ProjectionExpression="#s", ExpressionAttributeNames={"#s": "secret"}),
    ),
    "all attributes, because none is named": (SOME_ATTRIBUTES, get(ProjectionExpression="note"), get()),
    "all attributes of a query": (
        SOME_ATTRIBUTES,
        query("id = :v", ProjectionExpression="id, note"),
        query("id = :v"),
    ),
    "specific attributes that are not named": (
        SOME_ATTRIBUTES,
        query("id = :v", Select="SPECIFIC_ATTRIBUTES", ProjectionExpression="note"),
        query("id = :v", Select="SPECIFIC_ATTRIBUTES"),
    ),
    "a filter by another attribute": (
        SOME_ATTRIBUTES,
        ("scan", {"TableName": "carts", "ProjectionExpression": "id", "FilterExpression": "attribute_exists(note)"}),
        ("scan", {"TableName": "carts", "ProjectionExpression": "id", "FilterExpression": "attribute_exists(secret)"}),
    ),
    "an update of another attribute": (SOME_ATTRIBUTES, update("SET note = :v"), update("SET secret = :v")),
    "an update from another attribute": (
        SOME_ATTRIBUTES,
        update("SET note = if_not_exists(note, :v)"),
        update("SET note = if_not_exists(secret, :v)"),
    ),
    "an update on the condition of another attribute": (
        SOME_ATTRIBUTES,
        update("SET note = :v", ConditionExpression="attribute_exists(id)"),
        update("SET note = :v", ConditionExpression="attribute_exists(secret)"),
    ),
    "an update that returns everything": (
        SOME_ATTRIBUTES,
        update("SET note = :v", ReturnValues="UPDATED_NEW"),
        update("SET note = :v", ReturnValues="ALL_OLD"),
    ),
    "PartiQL that selects everything": (
        SOME_ATTRIBUTES,
        run("SELECT note FROM carts WHERE id = 'mine'"),
        run("SELECT * FROM carts WHERE id = 'mine'"),
    ),
    "PartiQL by another attribute": (
        SOME_ATTRIBUTES,
        run("SELECT note FROM carts WHERE id = 'mine' AND note = 'x'"),
        run("SELECT note FROM carts WHERE id = 'mine' AND secret = 'x'"),
    ),
}


@pytest.mark.parametrize(("statements", "legitimate", "attack"), CASES.values(), ids=CASES.keys())
def test_the_attack_is_refused_and_its_neighbour_served(
    aws: LocalAWS, statements: list[dict[str, Any]], legitimate: Attempt, attack: Attempt
) -> None:
    admin = aws.client("dynamodb")
    admin.create_table(
        TableName="carts",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "team")],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-team",
                "KeySchema": [{"AttributeName": "team", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for owner in ("mine", "theirs"):
        item = {"id": {"S": owner}, "team": {"S": "blue"}, "note": {"S": "x"}, "secret": {"S": "x"}}
        admin.put_item(TableName="carts", Item=item)
    client = aws.client("dynamodb", grant(aws, *statements))
    operation, given = legitimate
    getattr(client, operation)(**given)
    operation, given = attack
    with pytest.raises(ClientError) as raised:
        getattr(client, operation)(**given)
    assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
