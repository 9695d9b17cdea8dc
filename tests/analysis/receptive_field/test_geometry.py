"""The reach of one pixel, with its places on maps of any size."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rsp_lab.analysis.receptive_field.geometry import reach_geometry
from rsp_lab.models.presets import rsp4


@pytest.mark.usefixtures("unchecked")
def test_a_pixel_of_numpy_integers_is_json_able() -> None:
    found = reach_geometry(rsp4(), (64, 96), (np.int64(20), np.int64(31)))  # type: ignore[arg-type]

    assert json.loads(json.dumps(found.to_dict())) == reach_geometry(rsp4(), (64, 96), (20, 31)).to_dict()


def test_a_pixel_beside_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the image of 64 x 96"):
        reach_geometry(rsp4(), (64, 96), (64, 0))
