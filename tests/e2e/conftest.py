"""One deployed pipeline for the whole suite; every test has a folder of its own in it.

The tests run one after the other: the simulator's knobs are turned for all jobs at once.
"""

import re
from collections.abc import Iterator

import pytest

from avatars.model import Gate
from tests.e2e.pipeline import Folder, Pipeline, Provider, running_pipeline


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with running_pipeline(tmp_path_factory.mktemp("stack")) as pipeline:
        yield pipeline


@pytest.fixture
def provider(pipeline: Pipeline) -> Iterator[Provider]:
    """The provider as it is at first, with an empty journal; no job and no pause outlives the
    test."""
    pipeline.provider.forget()
    yield pipeline.provider
    pipeline.stop_executions()
    pipeline.capacity.change_gate(lambda gate: Gate(version=gate.version))


@pytest.fixture
def folder(pipeline: Pipeline, provider: Provider, request: pytest.FixtureRequest) -> Folder:
    """A folder that nobody has used."""
    return Folder(pipeline, "alice", re.sub(r"\W+", "-", request.node.name))


@pytest.fixture
def summer(pipeline: Pipeline, provider: Provider) -> Folder:
    """The folder that all of `events/` is about, without a job."""
    folder = Folder(pipeline, "alice", "summer")
    folder.erase()
    return folder


@pytest.fixture
def held_back(pipeline: Pipeline) -> Iterator[None]:
    """Uploads cause nothing by themselves: their events come from the test alone."""
    rule = {"Name": pipeline.resources["PreparePhotoFunctionUploaded"]}
    pipeline.aws("events").disable_rule(**rule)
    yield
    pipeline.aws("events").enable_rule(**rule)
