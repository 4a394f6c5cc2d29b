"""The record of a local stack: what somebody else left there is no stack."""

import json
import os
from pathlib import Path

import psutil
import pytest

from local.stack import Stack, find

WHOLE = {
    name: os.getpid() if name == "pid" else {} if name == "outputs" else "x"
    for name in Stack.__dataclass_fields__
}


@pytest.mark.parametrize(
    "record",
    [
        "",
        "[]",
        json.dumps({"endpoint_url": "http://127.0.0.1:4566", "pid": 1}),
        json.dumps(WHOLE | {"older": True}),
        json.dumps(WHOLE | {"pid": 2**22 + 1}),
        json.dumps(WHOLE),  # a process that is no stack
    ],
)
def test_a_record_of_another_version_or_another_process_is_no_stack(
    tmp_path: Path, record: str
) -> None:
    (tmp_path / "stack.json").write_text(record)

    assert find(tmp_path / "stack") is None


def test_a_process_of_somebody_else_is_no_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(process: psutil.Process) -> list[str]:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "cmdline", refuse)
    (tmp_path / "stack.json").write_text(json.dumps(WHOLE))

    assert find(tmp_path / "stack") is None
