"""MFA devices of users: what IAM refuses, with AWS's code, status and text, and what it shows."""

from __future__ import annotations

import base64

import pytest

from podrole.base.clock import rfc3339
from support.complete import mfa_codes
from support.iam_account import ACCOUNT, ANN, IAM, NOW, PHONE, Before, Given, Refusal, conflict, exists, no_such, quota

TAGS = [{"Key": "a", "Value": "b"}]
REFUSED: dict[str, Refusal] = {
    "a device's name": (
        [],
        "CreateVirtualMFADevice",
        {"VirtualMFADeviceName": "phone"},
        exists("MFADevice entity at the same path and name already exists."),
    ),
    "no device": (
        [],
        "GetMFADevice",
        {"SerialNumber": PHONE + "x"},
        no_such(f"VirtualMFADevice with serial number {PHONE}x doesn't exist."),
    ),
    "a device that nobody uses": (
        [],
        "DeactivateMFADevice",
        {"SerialNumber": PHONE},
        no_such(f"MFA Device {PHONE} is not in use by that user."),
    ),
    "wrong codes": (
        [],
        "EnableMFADevice",
        {**ANN, "SerialNumber": PHONE, "AuthenticationCode1": "1", "AuthenticationCode2": "2"},
        ("InvalidAuthenticationCode", 403, "Authentication code for device is not valid."),
    ),
}


@pytest.mark.parametrize(("before", "operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(iam: IAM, before: Before, operation: str, given: Given, expected: tuple[str, int, str]) -> None:
    for name, arguments in before:
        iam(name, **arguments)
    assert iam.refused(operation, **given) == expected


def test_a_user_has_eight_devices_and_none_that_is_anothers(iam: IAM) -> None:
    def enable(name: str, user: str) -> Given:
        made = iam("CreateVirtualMFADevice", VirtualMFADeviceName=name)["VirtualMFADevice"]
        codes = mfa_codes(made["Base32StringSeed"].decode(), NOW)
        return {"UserName": user, "SerialNumber": made["SerialNumber"], **codes}

    for number in range(8):
        given = enable(f"d{number}", "ann")
        iam("EnableMFADevice", **given)
    assert iam.refused("EnableMFADevice", **enable("d8", "ann")) == quota("MFADevicesPerUser", 8)
    serial = given["SerialNumber"]
    taken = exists(f"MFA Device {serial} is already in use.")
    assert iam.refused("EnableMFADevice", **{**given, "UserName": "bob"}) == taken
    other = no_such(f"MFA Device {serial} does not exist for user bob.")
    assert iam.refused("ResyncMFADevice", **{**given, "UserName": "bob"}) == other
    in_use = ("DeleteConflict", 409, "MFA VirtualDevice in use. Must deactivate first.")
    assert iam.refused("DeleteVirtualMFADevice", SerialNumber=serial) == in_use
    assert iam.refused("DeactivateMFADevice", SerialNumber=serial, UserName="bob")[0] == "NoSuchEntity"
    assert iam.refused("DeleteUser", UserName="ann") == conflict("delete MFA device")


def test_a_device_shows_its_seed_once(iam: IAM) -> None:
    made = iam("CreateVirtualMFADevice", VirtualMFADeviceName="deep", Path="/team/", Tags=TAGS)["VirtualMFADevice"]
    assert made["SerialNumber"] == f"arn:aws:iam::{ACCOUNT}:mfa/team/deep"
    assert (len(base64.b32decode(made["Base32StringSeed"])), made["Tags"]) == (40, TAGS)
    assert iam("GetMFADevice", SerialNumber=made["SerialNumber"]) == {"SerialNumber": made["SerialNumber"]}


@pytest.mark.parametrize(("steps", "is_right"), [(0, True), (10, True), (11, False), (-9, True), (-10, False)])
def test_clock_of_a_device_may_be_off_by_five_minutes(iam: IAM, steps: int, is_right: bool) -> None:
    made = iam("CreateVirtualMFADevice", VirtualMFADeviceName="own")["VirtualMFADevice"]
    codes = mfa_codes(made["Base32StringSeed"].decode(), NOW + 30)  # of the step of the call, and of the next
    given = {**ANN, "SerialNumber": made["SerialNumber"], **codes}
    iam.clock.now = NOW + steps * 30
    if is_right:
        iam("EnableMFADevice", **given)
        iam("ResyncMFADevice", **given)
    else:
        assert iam.refused("EnableMFADevice", **given)[0] == "InvalidAuthenticationCode"


def test_both_codes_must_be_right(iam: IAM) -> None:
    made = iam("CreateVirtualMFADevice", VirtualMFADeviceName="own")["VirtualMFADevice"]
    given = {**ANN, "SerialNumber": made["SerialNumber"]}
    codes = mfa_codes(made["Base32StringSeed"].decode(), NOW)
    for name in codes:
        wrong = {**codes, name: "x"}
        assert iam.refused("EnableMFADevice", **given, **wrong)[0] == "InvalidAuthenticationCode"
    iam("EnableMFADevice", **given, **codes)
    assert iam.refused("ResyncMFADevice", **given, **{**codes, "AuthenticationCode1": "x"})[1] == 403


def test_a_device_in_use_shows_its_user(iam: IAM) -> None:
    for name in ("b", "a"):
        made = iam("CreateVirtualMFADevice", VirtualMFADeviceName=name)["VirtualMFADevice"]
        iam.clock.now += 60
        codes = mfa_codes(made["Base32StringSeed"].decode(), iam.clock.now)
        iam("EnableMFADevice", **ANN, SerialNumber=made["SerialNumber"], **codes)
    serial, enabled = made["SerialNumber"], rfc3339(iam.clock.now)
    iam("TagUser", **ANN, Tags=TAGS)
    assert iam("GetMFADevice", SerialNumber=serial) == {"SerialNumber": serial, **ANN, "EnableDate": enabled}
    first, second = iam("ListMFADevices", **ANN)["MFADevices"]
    assert first == {**ANN, "SerialNumber": serial, "EnableDate": enabled}
    assert second["SerialNumber"].endswith("/b")
    devices = iam("ListVirtualMFADevices", AssignmentStatus="Assigned")["VirtualMFADevices"]
    (own,) = (one for one in devices if one["SerialNumber"] == serial)
    assert (own["EnableDate"], own["User"]["UserName"], "Tags" in own["User"]) == (enabled, "ann", False)
    assert len(devices) == 2
    assert iam("ListVirtualMFADevices", AssignmentStatus="Unassigned")["VirtualMFADevices"] == [{"SerialNumber": PHONE}]
    assert len(iam("ListVirtualMFADevices")["VirtualMFADevices"]) == 3
    iam("DeactivateMFADevice", SerialNumber=serial)
    iam("DeactivateMFADevice", SerialNumber=second["SerialNumber"], **ANN)
    assert iam("ListMFADevices", **ANN)["MFADevices"] == []
    assert iam("GetMFADevice", SerialNumber=serial) == {"SerialNumber": serial}
    iam("DeleteVirtualMFADevice", SerialNumber=serial)
    assert iam.refused("GetMFADevice", SerialNumber=serial)[0] == "NoSuchEntity"
