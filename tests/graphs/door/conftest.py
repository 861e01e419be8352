"""A model that counts its calls, and a door to it."""

import pytest

from graphs.models import Calls, Limits
from tests.graphs.door.model import Model


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def calls() -> Calls:
    return Calls(limits=Limits(most=4), deadline_seconds=5, backoff_seconds=0.001)
