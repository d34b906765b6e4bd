"""Virtual MFA devices. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateVirtualMFADevice.html."""

from __future__ import annotations

import base64
import hmac
import struct
from dataclasses import replace
from typing import Any

from podrole.account.errors import AccountError, already_exists, delete_conflict, limit_exceeded, no_such_entity
from podrole.account.iam.operations import shown
from podrole.account.iam.records import MFADeviceRecord, UserRecord
from podrole.account.iam.request import IAMRequest, Output, new_tags, time

MOST_DEVICES = 8
"""Of each user (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


def create_virtual_mfa_device(request: IAMRequest) -> Output:
    """CreateVirtualMFADevice: the seed is shown this once, not as a picture."""
    parameters, state = request.input, request.state
    path, name = parameters.get("Path", "/"), parameters["VirtualMFADeviceName"]
    serial = f"arn:{state.partition}:iam::{state.account}:mfa{path}{name}"
    if state.get(MFADeviceRecord, serial) is not None:
        raise already_exists("MFADevice entity at the same path and name already exists.")
    device = MFADeviceRecord(
        id=serial,
        name=name,
        path=path,
        seed=base64.b32encode(request.random(40)).decode(),
        created_at=request.now,
        tags=new_tags(parameters.get("Tags"), {}, "TagsPerMFADevice"),
    )
    request.put(device)
    shown_device = {"SerialNumber": serial, "Base32StringSeed": device.seed.encode()} | shown.tags(device.tags)
    return {"VirtualMFADevice": shown_device}


def find_mfa_device(request: IAMRequest) -> MFADeviceRecord:
    """Return the device that ``SerialNumber`` names. Raises AccountError."""
    serial = request.input["SerialNumber"]
    device = request.state.get(MFADeviceRecord, serial)
    if device is None:
        raise no_such_entity(f"VirtualMFADevice with serial number {serial} doesn't exist.")
    return device


def enable_mfa_device(request: IAMRequest) -> Output:
    """EnableMFADevice: two codes in a row prove that the user has the device (RFC 6238)."""
    user, device = request.user(), find_mfa_device(request)
    if device.user_id is not None:
        raise already_exists(f"MFA Device {device.id} is already in use.")
    if len(request.state.owned(MFADeviceRecord, user)) >= MOST_DEVICES:
        raise limit_exceeded("MFADevicesPerUser", MOST_DEVICES)
    _check_codes(request, device)
    request.put(replace(device, user_id=user.id, enabled_at=request.now))
    return {}


def resync_mfa_device(request: IAMRequest) -> Output:
    """ResyncMFADevice: the clock here is never off, so the codes are checked and nothing changes."""
    user, device = request.user(), find_mfa_device(request)
    if device.user_id != user.id:
        raise no_such_entity(f"MFA Device {device.id} does not exist for user {user.name}.")
    _check_codes(request, device)
    return {}


_STEP_SECONDS = 30
_STEPS_AROUND = 10
"""How far a device's clock may be off: five minutes."""


def _check_codes(request: IAMRequest, device: MFADeviceRecord) -> None:
    codes = (request.input["AuthenticationCode1"], request.input["AuthenticationCode2"])
    step = int(request.now) // _STEP_SECONDS
    for start in range(step - _STEPS_AROUND, step + _STEPS_AROUND):
        if (_code(device.seed, start), _code(device.seed, start + 1)) == codes:
            return
    raise AccountError("InvalidAuthenticationCode", 403, "Authentication code for device is not valid.")


def _code(seed: str, step: int) -> str:
    """Return a time-based one-time password (RFC 6238 4, RFC 4226 5.3)."""
    digest = hmac.digest(base64.b32decode(seed), struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def deactivate_mfa_device(request: IAMRequest) -> Output:
    """DeactivateMFADevice."""
    device = find_mfa_device(request)
    if device.user_id is None or ("UserName" in request.input and device.user_id != request.user().id):
        raise no_such_entity(f"MFA Device {device.id} is not in use by that user.")
    request.put(replace(device, user_id=None, enabled_at=None))
    return {}


def delete_virtual_mfa_device(request: IAMRequest) -> Output:
    """DeleteVirtualMFADevice."""
    device = find_mfa_device(request)
    if device.user_id is not None:
        raise delete_conflict("MFA VirtualDevice in use. Must deactivate first.")
    request.delete(device)
    return {}


def get_mfa_device(request: IAMRequest) -> Output:
    """GetMFADevice."""
    device = find_mfa_device(request)
    output: dict[str, Any] = {"SerialNumber": device.id}
    if (owner := _owner(request, device)) is not None:
        output |= {"UserName": owner.name, "EnableDate": _enabled(device)}
    return output


def _owner(request: IAMRequest, device: MFADeviceRecord) -> UserRecord | None:
    return None if device.user_id is None else request.state.get(UserRecord, device.user_id)


def _enabled(device: MFADeviceRecord) -> str:
    """Return since when a device has been in use."""
    return time(device.enabled_at or device.created_at)


def list_mfa_devices(request: IAMRequest) -> Output:
    """ListMFADevices of a user."""
    user = request.user()
    devices = sorted(request.state.owned(MFADeviceRecord, user), key=lambda device: device.id)
    return request.page(
        "MFADevices",
        devices,
        lambda device: device.id,
        lambda device: {
            "UserName": user.name,
            "SerialNumber": device.id,
            "EnableDate": _enabled(device),
        },
    )


def list_virtual_mfa_devices(request: IAMRequest) -> Output:
    """ListVirtualMFADevices."""
    wanted = request.input.get("AssignmentStatus", "Any")
    devices = [
        device
        for device in request.state.records(MFADeviceRecord)
        if wanted == "Any" or (wanted == "Assigned") == (device.user_id is not None)
    ]

    def show(device: MFADeviceRecord) -> dict[str, Any]:
        output: dict[str, Any] = {"SerialNumber": device.id}
        if (owner := _owner(request, device)) is not None:
            output |= {"User": shown.user(owner, request.state, whole=False), "EnableDate": _enabled(device)}
        return output

    return request.page("VirtualMFADevices", devices, lambda device: device.id, show)
