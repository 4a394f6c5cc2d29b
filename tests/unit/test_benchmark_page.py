"""The page of the benchmarks: each writes its own section, and the head tells of all promises."""

from pathlib import Path

import pytest

from benchmarks.page import HEAD, Promise, Section, put, sections_of, summary

COPYING = Section("copying", "Copying", "It copies.", [Promise("60 avatars", 1.5, 0.75, "s")])
STARTING = Section("cold", "Starting", "It starts.", [Promise("of the naive build", 0.5, 0.4)])


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "benchmarks.md"


def test_a_section_is_written_anew_and_the_others_stay(page: Path) -> None:
    for section in (COPYING, STARTING, Section("copying", "Copying", "It flies.")):
        put(section, page)

    found = dict(sections_of(page.read_text()))
    assert list(found) == ["Copying", "Starting"]
    assert "It flies." in found["Copying"]
    assert found["Starting"] == STARTING.markdown


def test_what_was_written_by_hand_stays(page: Path) -> None:
    page.write_text(f"{HEAD}\n## Polling\n\nBy hand.\n")

    put(COPYING, page)

    assert "## Polling\n\nBy hand.\n" in page.read_text()


def test_the_head_tells_of_the_promises_of_all_sections(page: Path) -> None:
    put(COPYING, page)
    put(STARTING, page)

    assert summary(page.read_text()).splitlines() == [
        "| promise | at most | measured | held |",
        "| --- | --- | --- | --- |",
        "| 60 avatars | 1.5 s | 0.75 s | yes |",
        "| of the naive build | 0.5 | 0.4 | yes |",
    ]


def test_a_broken_promise_is_written_down_and_ends_with_an_error(page: Path) -> None:
    slow = Section("copying", "Copying", "", [Promise("60 avatars", 1.5, 1.6, "s")])

    with pytest.raises(SystemExit, match="Copying is broken: 60 avatars"):
        put(slow, page)

    assert "| 60 avatars | 1.5 s | 1.6 s | **no** |" in page.read_text()
