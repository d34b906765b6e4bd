"""Tagging, the same for every kind of record. https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagRole.html."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from podrole.account.iam.request import IAMRequest, Output, new_tags, tag_list, without_tags

Operation = Callable[[IAMRequest], Output]
Find = Callable[[IAMRequest], Any]


def tag(find: Find, quota: str) -> Operation:
    """Return TagRole or one of its siblings; ``find`` returns the record that the request names."""

    def operation(request: IAMRequest) -> Output:
        record = find(request)
        request.put(replace(record, tags=new_tags(request.input["Tags"], record.tags, quota)))
        return {}

    return operation


def untag(find: Find) -> Operation:
    """Return UntagRole or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        record = find(request)
        request.put(replace(record, tags=without_tags(record.tags, request.input["TagKeys"])))
        return {}

    return operation


def list_tags(find: Find) -> Operation:
    """Return ListRoleTags or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        tags = sorted(tag_list(find(request).tags), key=lambda tag: tag["Key"])
        return request.page("Tags", tags, lambda tag: tag["Key"], lambda tag: tag)

    return operation
