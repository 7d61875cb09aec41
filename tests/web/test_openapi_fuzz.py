"""Requests made from the description of the service: the answers are those that it promises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_tools import Client, running

import facepoints
from facepoints.web.limits import ServiceLimits
from facepoints.web.openapi import openapi
from facepoints.web.service import ServiceSettings

IMAGE = cv2.imencode(".png", np.full((60, 80), 90, np.uint8))[1].tobytes()
LIMITS = ServiceLimits(max_mb=1, max_megapixels=1, max_files=1000)
OPERATIONS = (
    *("POST /v1/predict", "POST /v1/align", "POST /v1/blur"),
    *("GET /v1/model", "GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi.json"),
)


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The operations of the description by name."""
    schemathesis = pytest.importorskip("schemathesis")  # its import takes a second
    found = schemathesis.openapi.from_dict(openapi(LIMITS)).get_all_operations()
    return {f"{one.ok().method.upper()} {one.ok().path}": one.ok() for one in found}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running(facepoints.load(), ServiceSettings(LIMITS)) as client:
        yield client


def test_every_address_is_described(described: dict[str, Any]) -> None:
    assert set(described) == set(OPERATIONS)


@pytest.mark.parametrize("valid", [True, False], ids=["valid", "invalid"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_are_as_described(
    client: Client, described: dict[str, Any], name: str, valid: bool
) -> None:
    import schemathesis
    from schemathesis.checks import CHECKS

    operation = described[name]
    if not valid and not operation.query:
        return
    mode = schemathesis.GenerationMode.POSITIVE if valid else schemathesis.GenerationMode.NEGATIVE

    @settings(
        max_examples=12 if operation.query else 2,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
            HealthCheck.large_base_example,
        ],
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        # the description cannot say which bytes are an image
        unsure = [CHECKS.get_one("positive_data_acceptance")]
        if valid and isinstance(case.body, bytes):
            case.body, unsure = IMAGE, []
        case.call_and_validate(base_url=f"http://127.0.0.1:{client.port}", excluded_checks=unsure)

    check()
