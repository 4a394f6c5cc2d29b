"""statelint on every state machine of an expanded template: `python -m gates.statelint`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.jexception import JException  # type: ignore[import-untyped]
from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType

from gates import canary
from gates.finding import Finding, GateError, report

# A BackoffRate of 2 is a number as good as 2.0.
CONFIG = Config({ProblemType.FLOAT})


def look(template: dict[str, Any]) -> tuple[list[Finding], int]:
    """What is wrong with the state machines of a template, and how many states they have."""
    found, states = [], 0
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            definition = json.loads(resource["Properties"]["DefinitionString"])
            found += [
                Finding("ASL", name, problem.removeprefix("State Machine."))
                for problem in problems(definition)
            ]
            states += len(definition.get("States", {}))
    if not states:
        raise GateError("statelint has found no state to look at.")
    return found, states


def problems(definition: dict[str, Any]) -> list[str]:
    """What statelint says of a definition, and jsonata of the expressions in it."""
    return [*_syntax(definition), *Linter.validate(_with_numbers(definition), CONFIG)]


def _syntax(node: Any, path: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _syntax(value, f"{path}.{key}".lstrip("."))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _syntax(value, f"{path}[{number}]")
    elif isinstance(node, str) and _is_expression(node):
        try:
            Jsonata(node.strip()[2:-2])
        except JException as error:
            yield f"{path} is no JSONata: {error}"


def _with_numbers(node: Any) -> Any:
    """With a number for every expression in the seconds of a Wait: statelint refuses those.

    The specification has them: https://states-language.net/#wait-state
    """
    if isinstance(node, list):
        return [_with_numbers(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _with_numbers(value) for key, value in node.items()}
    seconds = made.get("Seconds")
    if made.get("Type") == "Wait" and isinstance(seconds, str) and _is_expression(seconds):
        made["Seconds"] = 1
    return made


def _is_expression(text: str) -> bool:
    return text.strip().startswith("{%") and text.strip().endswith("%}")


def main() -> int:
    found, states = look(json.loads(Path(sys.argv[1]).read_text()))
    canaries, _ = look(canary.TEMPLATE)
    return report("statelint", f"{states} states", found, canaries, "ASL")


if __name__ == "__main__":
    sys.exit(main())
