"""statelint on every state machine of an expanded template: `python -m gates.statelint`."""

import json
import sys
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
CONFIG = Config({ProblemType.FLOAT}, evaluate_jsonata=True)


def look(template: dict[str, Any]) -> tuple[list[Finding], int]:
    """What is wrong with the state machines of a template, and how many states they have."""
    found, states = [], 0
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            definition = json.loads(resource["Properties"]["DefinitionString"])
            found += [
                Finding("ASL", name, problem.removeprefix("State Machine."))
                for problem in [*problems(definition)]
            ]
            states += len(definition.get("States", {}))
    if not states:
        raise GateError("statelint has found no state to look at.")
    return found, states


def problems(definition: dict[str, Any]) -> list[str]:
    """What statelint says, and of the JSONata of waiting times, which it refuses, jsonata."""
    told: list[str] = []

    def with_seconds(node: Any) -> Any:
        if isinstance(node, list):
            return [with_seconds(each) for each in node]
        if not isinstance(node, dict):
            return node
        known = {key: with_seconds(value) for key, value in node.items()}
        seconds = known.get("Seconds")
        if known.get("Type") == "Wait" and isinstance(seconds, str):
            told.extend(_syntax(seconds))
            known["Seconds"] = 1
        return known

    looked_at = with_seconds(definition)
    return [*told, *Linter.validate(looked_at, CONFIG)]


def _syntax(text: str) -> list[str]:
    expression = text.strip()
    if not (expression.startswith("{%") and expression.endswith("%}")):
        return [f'Seconds is "{text}" but should be a number or an expression']
    try:
        Jsonata(expression[2:-2])
    except JException as error:
        return [f'Seconds is "{text}": {error}']
    return []


def main() -> int:
    found, states = look(json.loads(Path(sys.argv[1]).read_text()))
    canaries, _ = look(canary.TEMPLATE)
    return report("statelint", f"{states} states", found, canaries, "ASL")


if __name__ == "__main__":
    sys.exit(main())
