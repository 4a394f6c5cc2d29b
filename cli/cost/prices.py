"""Prices as inputs: a list that comes along, and whatever somebody knows better."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.saying import UsageError

PRICES = Path(__file__).with_name("prices.json")


@dataclass(frozen=True)
class Prices:
    """Dollars for one of each."""

    dollars: Mapping[str, float]
    region: str
    as_of: str

    def __getitem__(self, name: str) -> float:
        return self.dollars[name]


def read_prices(file: Path | None = None) -> Prices:
    """The list that comes along, with what *file* says instead: an object of the same form, of
    which every part may be left out.

    Raises UsageError, which names the price, the limit and the remedy.
    """
    known = _read(PRICES)
    if file is None:
        return Prices(known["dollars"], known["region"], known["as_of"])
    given = _read(file)
    dollars = given.get("dollars", {})
    if not isinstance(dollars, dict):
        raise UsageError(f"dollars in {file} must be an object, as in {PRICES.name}.")
    for name, price in dollars.items():
        if name not in known["dollars"]:
            raise UsageError(
                f"{file} has a price for {name[:40]!r}; known are "
                f"{', '.join(sorted(known['dollars']))}."
            )
        if isinstance(price, bool) or not isinstance(price, (int, float)) or not price >= 0:
            raise UsageError(f"The price of {name} in {file} must be a number, 0 or more.")
    return Prices(
        known["dollars"] | dollars,
        str(given.get("region", "as given")),
        str(given.get("as_of", "as given")),
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"The prices in {file} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{file} must hold an object, as {PRICES.name} does.")
    return content
