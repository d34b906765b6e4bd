"""The setting ``--image NAME=FOLDER``: images of your own code."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from podrole.cluster.node.errors import ImageProblem
from podrole.cluster.node.image_names import parse_image
from podrole.cluster.node.runtimes.own_image import OwnImage
from podrole.world.errors import BadSetting

OPTION = "--image"
BUILDING = "build "
"""How a line begins that tells how far the building of an image is."""
_FORM = "NAME=FOLDER, such as shop/api=./api"
_NAME = "the name of an image: lower case, without spaces, such as shop/api or shop/api:1"


def read_own_images(values: Sequence[str]) -> tuple[OwnImage, ...]:
    """Return the images that the setting names. Raises BadSetting."""
    images: list[OwnImage] = []
    for value in values:
        image = read_own_image(value)
        if any(image.reference.name == other.reference.name and image.tagged == other.tagged for other in images):
            raise BadSetting(f"{OPTION} names {image.reference.text} twice.", next_step="leave one of them out")
        images.append(image)
    images.sort(key=lambda image: image.reference.tag is None)  # one with a tag wins over the one for every tag
    return tuple(images)


def read_own_image(value: str) -> OwnImage:
    """Return the image that ``NAME=FOLDER`` names. Raises BadSetting."""
    name, equals, text = value.partition("=")
    if not (name and equals and text):
        raise BadSetting(f"{OPTION} is not of the form NAME=FOLDER.", got=repr(value), expected=_FORM)
    try:
        reference = parse_image(name)
    except ImageProblem:
        raise BadSetting(f"{OPTION} has a NAME that no image can have.", got=repr(name), expected=_NAME) from None
    if reference.digest is not None:
        raise BadSetting(
            f"{OPTION} names an image by its digest, which a folder cannot have.", got=repr(name), expected=_FORM
        )
    folder = Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100 - without .. in it
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise BadSetting(f"The folder of {OPTION} {name} {what}.", got=str(folder), expected="a folder of this machine")
    return OwnImage(reference, folder)
