"""`make provider-check`: the options of `test_provider_check.py`, and its report.

Without it the same tests run against the simulators, of all providers, and settle nothing.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from avatars.provider import catalog
from tests.contract.points import points_of

KEY_VARIABLE = "PROVIDER_KEY"

Settled = dict[str, dict[str, str]]
"""What was seen, by provider and point."""

SETTLED = pytest.StashKey[Settled]()

COSTS = {
    "picsart-trained": "one training and one avatar, at the prices of your contract (no price is "
    "public), of credits that come back from nowhere",
    "picsart-instant": "one avatar, at the price of your contract (no price is public)",
    "astria": "nothing: trainings of the branch `fast`, which draw nothing and are documented as "
    "free",
}
"""What is ordered of whom with --spend."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("providers")
    group.addoption(
        "--provider",
        choices=list(catalog.CAPABILITIES),
        help="Whom to check; all of them without it.",
    )
    group.addoption(
        "--live",
        action="store_true",
        help=f"Ask the provider itself, with the key in the variable {KEY_VARIABLE}.",
    )
    group.addoption(
        "--spend",
        action="store_true",
        help="Order something, too, once you have said yes to what it costs.",
    )
    group.addoption(
        "--photos",
        default="",
        metavar="LINKS",
        help="Links to photos, with commas between them, that the provider can fetch.",
    )
    group.addoption(
        "--report",
        type=Path,
        metavar="FILE",
        help="Write what was seen: Markdown, or JSON where the name ends so.",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SETTLED] = {}
    if config.option.help or not config.option.live:
        return
    # Long tracebacks show arguments, and those of HTTP have the key.
    config.option.tbstyle, config.option.showlocals = "short", False
    name = config.option.provider
    if name is None:
        raise pytest.UsageError("--live asks one provider: say which with --provider NAME.")
    if not os.environ.get(KEY_VARIABLE, "").strip():
        raise pytest.UsageError(
            f"--live needs the key of {name} in the environment variable {KEY_VARIABLE}: process "
            "lists show arguments, so it is none."
        )
    if config.option.spend:
        _require_photos(name, _links(config))
        _require_yes(config, name)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.option.live:
        return
    for item in items:
        if item.get_closest_marker("orders") is None:
            continue
        if not config.option.spend:
            item.add_marker(pytest.mark.skip(reason="it orders something: SPEND=1 (--spend)"))
        can = catalog.capabilities(config.option.provider)
        item.add_marker(pytest.mark.timeout(can.training.deadline + can.inference.deadline))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    config = terminalreporter.config
    settled = config.stash[SETTLED]
    for name in settled:
        terminalreporter.section(f"What {_who(config, name)} answers")
        hint = "open" if config.option.spend or not config.option.live else "open: SPEND=1"
        for line in told(name, settled[name], hint):
            terminalreporter.line(line)
    if config.option.report:
        config.option.report.write_text(report(config, settled))
        terminalreporter.line(f"Written to {config.option.report}")


def told(name: str, settled: dict[str, str], unpaid: str) -> Sequence[str]:
    """A line for each question, answered or open; *unpaid* for those that cost something."""
    return [
        f"{key:<19} {settled.get(key) or (unpaid if point.costs else 'open')}"
        for key, point in points_of(name).items()
    ]


def report(config: pytest.Config, settled: Settled) -> str:
    """All of it as a document."""
    if config.option.report.suffix == ".json":
        return json.dumps({"live": config.option.live, "settled": settled}, indent=2) + "\n"
    lines = []
    for name, answers in settled.items():
        lines += [f"# What {_who(config, name)} answers", ""]
        lines += ["| Question | Seen by | Answer |", "|---|---|---|"]
        for key, point in points_of(name).items():
            answer = answers.get(key, "open").replace("|", "\\|")
            lines.append(f"| {point.question} | {point.seen_by} | {answer} |")
        lines.append("")
    return "\n".join(lines)


def _who(config: pytest.Config, name: str) -> str:
    return name if config.option.live else f"the simulator of {name}"


def _links(config: pytest.Config) -> tuple[str, ...]:
    return tuple(link.strip() for link in config.option.photos.split(",") if link.strip())


def _require_photos(name: str, links: Sequence[str]) -> None:
    least = catalog.capabilities(name).least_photos
    if len(links) < least:
        raise pytest.UsageError(
            f"--spend with {name} needs at least {least} photo(s), and --photos names "
            f"{len(links)}: --photos LINK,LINK,..."
        )


def _require_yes(config: pytest.Config, name: str) -> None:
    """Raises pytest.UsageError unless somebody says yes to what it will cost."""
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.suspend_global_capture(in_=True)
    try:
        sys.stderr.write(f"This orders of {name}: {COSTS[name]}.\nType yes to go on: ")
        sys.stderr.flush()
        said = sys.stdin.readline()
    finally:
        capture.resume_global_capture()
    if said.strip().lower() != "yes":
        raise pytest.UsageError("Nothing was sent: that was no yes.")
