"""DynamoDB's fine-grained conditions: what a request says of items and attributes, and what cannot be read of it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import pytest

from podrole.iam.actions.call import Call, Keys, LaunchVolumes
from podrole.iam.actions.expressions import UnreadableExpression, attributes, equalities, placeholders
from podrole.iam.actions.keys import ConditionKeys, condition_keys
from podrole.iam.actions.operations import permissions
from podrole.iam.actions.partiql import UnreadableStatement, read

ACCOUNT, REGION = "111122223333", "us-east-1"
UNKNOWN = "unknown"
LEADING, ATTRIBUTES, SELECT = "dynamodb:LeadingKeys", "dynamodb:Attributes", "dynamodb:Select"
RETURNED, ENCLOSING, SCAN = "dynamodb:ReturnValues", "dynamodb:EnclosingOperation", "dynamodb:FullTableScan"


class Tables:
    """A resolver that knows the table ``t`` with the partition key ``id`` and an index by ``team``."""

    def arn_of(self, call: Call, kind: str, name: str) -> str | None:
        return None

    def tags_of(self, call: Call, arn: str) -> Mapping[str, str]:
        return {}

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        return {}

    def described(self, kind: str) -> Container[str]:
        return frozenset()

    def launch_template(self, call: Call, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return None

    def launch_volumes(self, call: Call, image: str) -> LaunchVolumes:
        return LaunchVolumes()

    def partition_key(self, call: Call, table: str) -> str | None:
        name = table.rpartition(":")[2].removeprefix("table/")
        return {"t": "id", "t/index/by-team": "team"}.get(name)


def condition_keys_of(operation: str, given: dict[str, Any]) -> ConditionKeys:
    call = Call("dynamodb", "dynamodb", operation, given, ACCOUNT, REGION)
    return condition_keys(call, permissions(call, Tables())[0], Tables())


def value_of(keys: ConditionKeys, key: str) -> Any:
    """Return the values of a key as a list, None if it is absent."""
    if key not in keys.values:
        return UNKNOWN if key.lower() in keys.unknown else None
    value = keys.values[key]
    return [value] if isinstance(value, str) else value


def query(expression: str, values: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    return {
        "TableName": "t",
        "KeyConditionExpression": expression,
        "ExpressionAttributeValues": {":v": {"S": "mine"}, ":w": {"S": "x"}} if values is None else values,
        **given,
    }


def key(value: Any) -> dict[str, Any]:
    return {"TableName": "t", "Key": {"id": value}}


KEYS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "text": ("GetItem", key({"S": "mine"}), ["mine"]),
    "number": ("GetItem", key({"N": "1"}), ["1"]),
    "number with a leading zero": ("GetItem", key({"N": "01"}), ["1"]),
    "number with a fraction of zero": ("GetItem", key({"N": "1.0"}), ["1"]),
    "number with an exponent": ("GetItem", key({"N": "1e1"}), ["10"]),
    "negative zero": ("GetItem", key({"N": "-0"}), ["0"]),
    "fraction": ("GetItem", key({"N": "1.50"}), ["1.5"]),
    "no number": ("GetItem", key({"N": "one"}), UNKNOWN),
    "infinity": ("GetItem", key({"N": "Infinity"}), UNKNOWN),
    "number that DynamoDB does not take": ("GetItem", key({"N": "1e999999"}), UNKNOWN),
    "binary": ("GetItem", key({"B": b"mine"}), UNKNOWN),
    "two types": ("GetItem", key({"S": "mine", "N": "1"}), UNKNOWN),
    "another attribute": ("GetItem", {"TableName": "t", "Key": {"other": {"S": "mine"}}}, UNKNOWN),
    "another table": ("GetItem", {"TableName": "u", "Key": {"id": {"S": "mine"}}}, UNKNOWN),
    "item": ("PutItem", {"TableName": "t", "Item": {"id": {"S": "mine"}, "a": {"S": "b"}}}, ["mine"]),
    "scan": ("Scan", {"TableName": "t"}, None),
    "query": ("Query", query("id = :v"), ["mine"]),
    "query without spaces": ("Query", query("id=:v"), ["mine"]),
    "query by a placeholder": ("Query", query("#i = :v", ExpressionAttributeNames={"#i": "id"}), ["mine"]),
    "query with a sort key": ("Query", query("id = :v AND s > :w"), ["mine"]),
    "query with a range": ("Query", query("id = :v and s between :w and :v"), ["mine"]),
    "query with begins_with": ("Query", query("begins_with(s, :w) AND id = :v"), ["mine"]),
    "query in parentheses": ("Query", query("((id = :v) AND (s <= :w))"), ["mine"]),
    "query with two values": ("Query", query("id = :v AND id = :w"), ["mine", "x"]),
    "query by the sort key alone": ("Query", query("s = :v"), UNKNOWN),
    "query by a range of the key": ("Query", query("id > :v"), UNKNOWN),
    "query with OR": ("Query", query("id = :v OR id = :w"), UNKNOWN),
    "query with NOT": ("Query", query("NOT id = :v"), UNKNOWN),
    "query with a function of the key": ("Query", query("begins_with(id, :v)"), UNKNOWN),
    "query with a bare value": ("Query", query("id = mine "), UNKNOWN),
    "query with a value that is not given": ("Query", query("id = :z"), UNKNOWN),
    "query with text behind it": ("Query", query("id = :v )"), UNKNOWN),
    "query with a tab": ("Query", query("id = :v\tAND s = :w"), UNKNOWN),
    "query with a path": ("Query", query("id.a = :v"), UNKNOWN),
    "query the wrong way round": ("Query", query(":v = id"), UNKNOWN),
    "query without a condition": ("Query", {"TableName": "t"}, UNKNOWN),
    "placeholder with a hyphen": (
        "Query",
        query("#i = :v AND #i-d = :w", ExpressionAttributeNames={"#i": "id", "#i-d": "id"}),
        UNKNOWN,
    ),
    "placeholder with a letter beyond ASCII": (
        "Query",
        query("#ï = :v", ExpressionAttributeNames={"#ï": "id"}),
        UNKNOWN,
    ),
    "placeholder without a hash": ("Query", query("a = :v", ExpressionAttributeNames={"a": "id"}), UNKNOWN),
    "value with a hyphen": ("Query", query("id = :v-1", {":v": {"S": "mine"}, ":v-1": {"S": "theirs"}}), UNKNOWN),
    "value with a dot": ("Query", query("id = :v.1", {":v": {"S": "mine"}, ":v.1": {"S": "theirs"}}), UNKNOWN),
    "binary value": ("Query", query("id = :v", {":v": {"B": b"mine"}}), UNKNOWN),
    "older parameters": (
        "Query",
        {
            "TableName": "t",
            "KeyConditions": {"id": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "mine"}]}},
        },
        ["mine"],
    ),
    "older parameters without equality": (
        "Query",
        {
            "TableName": "t",
            "KeyConditions": {"id": {"ComparisonOperator": "GE", "AttributeValueList": [{"S": "mine"}]}},
        },
        UNKNOWN,
    ),
    "index": ("Query", query("team = :v", IndexName="by-team"), ["mine"]),
    "index by the table's key": ("Query", query("id = :v", IndexName="by-team"), UNKNOWN),
    "unknown index": ("Query", query("team = :v", IndexName="other"), UNKNOWN),
    "batch read": (
        "BatchGetItem",
        {"RequestItems": {"t": {"Keys": [{"id": {"S": "a"}}, {"id": {"S": "b"}}]}}},
        ["a", "b"],
    ),
    "batch read, one key binary": (
        "BatchGetItem",
        {"RequestItems": {"t": {"Keys": [{"id": {"S": "a"}}, {"id": {"B": b"b"}}]}}},
        UNKNOWN,
    ),
    "batch write": (
        "BatchWriteItem",
        {
            "RequestItems": {
                "t": [
                    {"PutRequest": {"Item": {"id": {"S": "a"}}}},
                    {"DeleteRequest": {"Key": {"id": {"S": "b"}}}},
                ]
            }
        },
        ["a", "b"],
    ),
    "batch of nothing": ("BatchWriteItem", {"RequestItems": {"t": []}}, UNKNOWN),
    "transaction": (
        "TransactWriteItems",
        {
            "TransactItems": [
                {"Put": {"TableName": "t", "Item": {"id": {"S": "mine"}}}},
                {"Delete": {"TableName": "t", "Key": {"id": {"S": "theirs"}}}},
                {"Put": {"TableName": "u", "Item": {"id": {"S": "other"}}}},
            ]
        },
        ["mine"],
    ),
}


@pytest.mark.parametrize(("operation", "given", "expected"), KEYS.values(), ids=KEYS.keys())
def test_leading_keys(operation: str, given: dict[str, Any], expected: Any) -> None:
    assert value_of(condition_keys_of(operation, given), LEADING) == expected


NAMES = {"#n": "name", "#s": "secret"}
TOUCHED: dict[str, tuple[str, dict[str, Any], Any]] = {
    "scan of everything": ("Scan", {"TableName": "t"}, None),
    "projection": ("Scan", {"TableName": "t", "ProjectionExpression": "a, b.c[1].d, #n"}, ["a", "b", "name"]),
    "nested placeholder": ("Scan", {"TableName": "t", "ProjectionExpression": "a.#n, #s[0]"}, ["a", "secret"]),
    "placeholder that is not given": ("Scan", {"TableName": "t", "ProjectionExpression": "#z"}, UNKNOWN),
    "projection with a hyphen": ("Scan", {"TableName": "t", "ProjectionExpression": "a-b"}, UNKNOWN),
    "projection with a function": ("Scan", {"TableName": "t", "ProjectionExpression": "sum(a)"}, UNKNOWN),
    "projection over lines": ("Scan", {"TableName": "t", "ProjectionExpression": "a,\n\tb"}, ["a", "b"]),
    "filter": ("Scan", {"TableName": "t", "FilterExpression": "a > :v AND NOT contains(#s, :w)"}, ["a", "secret"]),
    "filter by size": ("Scan", {"TableName": "t", "FilterExpression": "size(a) > :v or b in (:v, :w)"}, ["a", "b"]),
    "filter with a literal": ("Scan", {"TableName": "t", "FilterExpression": "a = 'x'"}, UNKNOWN),
    "filter with an unknown function": ("Scan", {"TableName": "t", "FilterExpression": "peek(a) = :v"}, UNKNOWN),
    "older filter": ("Scan", {"TableName": "t", "ScanFilter": {"a": {}}, "AttributesToGet": ["b"]}, ["b", "a"]),
    "update": (
        "UpdateItem",
        {
            **key({"S": "mine"}),
            "UpdateExpression": "SET a = if_not_exists(b, :v) + :w, #s = c - :v REMOVE d[0] ADD e :v delete f :w",
        },
        ["id", "a", "b", "secret", "c", "d", "e", "f"],
    ),
    "update with a condition": (
        "UpdateItem",
        {**key({"S": "mine"}), "UpdateExpression": "SET a=:v", "ConditionExpression": "attribute_exists(#s.x)"},
        ["id", "secret", "a"],
    ),
    "older update": (
        "UpdateItem",
        {**key({"S": "m"}), "AttributeUpdates": {"a": {}}, "Expected": {"b": {}}},
        ["a", "b", "id"],
    ),
    "put": ("PutItem", {"TableName": "t", "Item": {"id": {"S": "m"}, "a": {"S": "b"}}}, ["id", "a"]),
    "key condition": ("Query", query("id = :v"), ["id"]),
    "older query": ("Query", {"TableName": "t", "KeyConditions": {"id": {}}, "QueryFilter": {"a": {}}}, ["id", "a"]),
}


@pytest.mark.parametrize(("operation", "given", "expected"), TOUCHED.values(), ids=TOUCHED.keys())
def test_attributes(operation: str, given: dict[str, Any], expected: Any) -> None:
    keys = condition_keys_of(operation, {"ExpressionAttributeNames": NAMES, **given})
    assert value_of(keys, ATTRIBUTES) == expected


SELECTED: dict[str, tuple[str, dict[str, Any], Any]] = {
    "query": ("Query", query("id = :v"), ["ALL_ATTRIBUTES"]),
    "scan": ("Scan", {"TableName": "t"}, ["ALL_ATTRIBUTES"]),
    "query of an index": ("Query", query("team = :v", IndexName="by-team"), ["ALL_PROJECTED_ATTRIBUTES"]),
    "query with a projection": ("Query", query("id = :v", ProjectionExpression="a"), ["SPECIFIC_ATTRIBUTES"]),
    "query with an empty projection": ("Query", query("id = :v", ProjectionExpression=""), ["ALL_ATTRIBUTES"]),
    "query with older parameters": ("Query", query("id = :v", AttributesToGet=["a"]), ["SPECIFIC_ATTRIBUTES"]),
    "count": ("Query", query("id = :v", Select="COUNT"), ["COUNT"]),
    "specific attributes that are not named": ("Query", query("id = :v", Select="SPECIFIC_ATTRIBUTES"), UNKNOWN),
    "specific attributes": (
        "Query",
        query("id = :v", Select="SPECIFIC_ATTRIBUTES", ProjectionExpression="a"),
        ["SPECIFIC_ATTRIBUTES"],
    ),
    "get": ("GetItem", key({"S": "mine"}), ["ALL_ATTRIBUTES"]),
    "get with a projection": ("GetItem", {**key({"S": "m"}), "ProjectionExpression": "a"}, ["SPECIFIC_ATTRIBUTES"]),
    "batch": ("BatchGetItem", {"RequestItems": {"t": {"Keys": [{"id": {"S": "a"}}]}}}, ["ALL_ATTRIBUTES"]),
    "transaction, one without a projection": (
        "TransactGetItems",
        {"TransactItems": [{"Get": {**key({"S": "a"}), "ProjectionExpression": "a"}}, {"Get": key({"S": "a"})}]},
        ["ALL_ATTRIBUTES"],
    ),
    "write": ("PutItem", {"TableName": "t", "Item": {"id": {"S": "m"}}}, None),
}


@pytest.mark.parametrize(("operation", "given", "expected"), SELECTED.values(), ids=SELECTED.keys())
def test_select_has_the_value_that_dynamodb_takes(operation: str, given: dict[str, Any], expected: Any) -> None:
    assert value_of(condition_keys_of(operation, given), SELECT) == expected


@pytest.mark.parametrize(
    ("operation", "given", "key_name", "expected"),
    [
        ("UpdateItem", key({"S": "m"}), RETURNED, ["NONE"]),
        ("UpdateItem", {**key({"S": "m"}), "ReturnValues": "ALL_OLD"}, RETURNED, ["ALL_OLD"]),
        ("GetItem", key({"S": "m"}), RETURNED, None),
        (
            "GetItem",
            {**key({"S": "m"}), "ReturnConsumedCapacity": "TOTAL"},
            "dynamodb:ReturnConsumedCapacity",
            ["TOTAL"],
        ),
        ("GetItem", key({"S": "m"}), ENCLOSING, None),
        ("TransactGetItems", {"TransactItems": [{"Get": key({"S": "a"})}]}, ENCLOSING, ["TransactGetItems"]),
        ("DescribeTable", {"TableName": "t"}, LEADING, None),
    ],
)
def test_the_other_keys(operation: str, given: dict[str, Any], key_name: str, expected: Any) -> None:
    assert value_of(condition_keys_of(operation, given), key_name) == expected


# PartiQL


def run(statement: str, *parameters: Any) -> tuple[str, dict[str, Any]]:
    return "ExecuteStatement", {"Statement": statement, "Parameters": list(parameters)}


STATEMENTS: dict[str, tuple[tuple[str, dict[str, Any]], dict[str, Any]]] = {
    "select by key": (
        run("SELECT a, b.c FROM \"t\" WHERE id = 'mine' AND d >= 3"),
        {LEADING: ["mine"], ATTRIBUTES: ["a", "b", "id", "d"], SELECT: ["SPECIFIC_ATTRIBUTES"], SCAN: ["false"]},
    ),
    "select by a parameter": (
        run('SELECT * FROM t WHERE "id"=?;', {"S": "mine"}),
        {LEADING: ["mine"], ATTRIBUTES: ["id"], SELECT: ["ALL_ATTRIBUTES"], SCAN: ["false"]},
    ),
    "select of an index": (
        run('select * from "t"."by-team" where team = \'mine\''),
        {LEADING: ["mine"], SELECT: ["ALL_PROJECTED_ATTRIBUTES"]},
    ),
    "select without a key": (
        run("SELECT * FROM t"),
        {LEADING: UNKNOWN, ATTRIBUTES: None, SELECT: ["ALL_ATTRIBUTES"], SCAN: ["true"]},
    ),
    "select by a nested attribute": (run("SELECT * FROM t WHERE id.a = 'mine'"), {LEADING: UNKNOWN, SCAN: ["true"]}),
    "select by a range": (run("SELECT * FROM t WHERE id > 'mine'"), {LEADING: UNKNOWN, SCAN: ["true"]}),
    "select by a binary parameter": (
        run("SELECT * FROM t WHERE id = ?", {"B": b"mine"}),
        {LEADING: UNKNOWN, SCAN: UNKNOWN},
    ),
    "parameter that is missing": (run("SELECT * FROM t WHERE id = ?"), {LEADING: UNKNOWN}),
    "select with OR": (
        run("SELECT a FROM t WHERE id = 'mine' OR id = 'theirs'"),
        {LEADING: UNKNOWN, ATTRIBUTES: UNKNOWN, SELECT: UNKNOWN, SCAN: UNKNOWN, ENCLOSING: None},
    ),
    "select with IN": (run("SELECT a FROM t WHERE id IN ['mine', 'theirs']"), {LEADING: UNKNOWN}),
    "select with NOT": (run("SELECT a FROM t WHERE NOT id = 'mine'"), {LEADING: UNKNOWN}),
    "select with a comment": (run("SELECT a FROM t WHERE id = 'mine' -- AND"), {LEADING: UNKNOWN}),
    "select with a doubled quote": (run("SELECT a FROM t WHERE id = 'mi''ne'"), {LEADING: UNKNOWN}),
    "select with a doubled quote in a name": (
        run('SELECT "a""b" FROM t WHERE id = ?', {"S": "mine"}),
        {ATTRIBUTES: UNKNOWN},
    ),
    "select with a function": (run("SELECT size(a) FROM t WHERE id = 'mine'"), {ATTRIBUTES: UNKNOWN}),
    "two statements": (run("SELECT a FROM t WHERE id = 'mine'; SELECT b"), {LEADING: UNKNOWN}),
    "another table": (run("SELECT a FROM u WHERE id = 'mine'"), {LEADING: UNKNOWN, ATTRIBUTES: ["a", "id"]}),
    "insert": (
        run("INSERT INTO t VALUE {'id': 'mine', 'n': 1, 'b': true, 'p': ?}", {"S": "x"}),
        {LEADING: ["mine"], ATTRIBUTES: ["id", "n", "b", "p"], SELECT: None, RETURNED: None},
    ),
    "insert of a nested value": (run("INSERT INTO t VALUE {'id': 'mine', 'l': [1]}"), {LEADING: UNKNOWN}),
    "insert of a parameter": (run("INSERT INTO t VALUE ?", {"M": {}}), {LEADING: UNKNOWN}),
    "update": (
        run("UPDATE t SET a = ?, b.c = 2 SET d = null REMOVE e WHERE id = ?", {"S": "x"}, {"S": "mine"}),
        {LEADING: ["mine"], ATTRIBUTES: ["a", "b", "d", "e", "id"], RETURNED: ["NONE"]},
    ),
    "update that returns": (
        run("UPDATE t SET a = 1 WHERE id = 'mine' RETURNING ALL OLD *"),
        {LEADING: ["mine"], RETURNED: ["ALL_OLD"]},
    ),
    "update with arithmetic": (run("UPDATE t SET a = a + 1 WHERE id = 'mine'"), {LEADING: UNKNOWN}),
    "update of nothing": (run("UPDATE t WHERE id = 'mine'"), {LEADING: UNKNOWN}),
    "delete": (run("DELETE FROM t WHERE id = 7"), {LEADING: ["7"], ATTRIBUTES: ["id"], RETURNED: ["NONE"]}),
    "delete that returns something strange": (
        run("DELETE FROM t WHERE id = 7 RETURNING ALL *"),
        {LEADING: UNKNOWN, RETURNED: UNKNOWN},
    ),
    "no statement": (run(""), {LEADING: UNKNOWN}),
    "exists": (run("EXISTS(SELECT * FROM t WHERE id = 'mine')"), {LEADING: UNKNOWN}),
    "batch": (
        ("BatchExecuteStatement", {"Statements": [{"Statement": f"SELECT a FROM t WHERE id = '{i}'"} for i in "12"]}),
        {LEADING: ["1", "2"], SELECT: ["SPECIFIC_ATTRIBUTES"]},
    ),
    "batch with a statement without a key": (
        (
            "BatchExecuteStatement",
            {"Statements": [{"Statement": "SELECT a FROM t WHERE id = '1'"}, {"Statement": "SELECT * FROM t"}]},
        ),
        {LEADING: UNKNOWN, SELECT: ["ALL_ATTRIBUTES"], SCAN: ["true"]},
    ),
    "transaction": (
        ("ExecuteTransaction", {"TransactStatements": [{"Statement": "SELECT a FROM t WHERE id = '1'"}]}),
        {LEADING: ["1"], ENCLOSING: ["ExecuteTransaction"]},
    ),
}


@pytest.mark.parametrize(("asked", "expected"), STATEMENTS.values(), ids=STATEMENTS.keys())
def test_a_partiql_statement(asked: tuple[str, dict[str, Any]], expected: dict[str, Any]) -> None:
    keys = condition_keys_of(*asked)
    assert {name: value_of(keys, name) for name in expected} == expected


@pytest.mark.parametrize(
    "statement", ["SELECT a", "SELECT FROM t", "SELECT a FROM 'x'", "SELECT a FROM t WHERE", "DROP x"]
)
def test_an_unreadable_statement_is_said_to_be(statement: str) -> None:
    with pytest.raises(UnreadableStatement):
        read(statement, [])


def test_an_unreadable_expression_is_said_to_be() -> None:
    known = placeholders({"ExpressionAttributeValues": {":v": {"S": "a"}}})
    with pytest.raises(UnreadableExpression, match="is not part of an expression"):
        attributes("FilterExpression", "a = !", known)
    with pytest.raises(UnreadableExpression, match="cannot be read at"):
        equalities("", known)
