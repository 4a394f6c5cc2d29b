"""`docs/permissions.md`: what each role may do, and what uses it. `make permissions` writes it."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from local.ministack import Call
from tests.template.calls import calls
from tests.template.expanded import definition, everything, expand, listed, named, source
from tests.template.grants import Grant, grants, plain, used
from tests.template.permissions import Permission, permissions
from tests.template.unused import excuse

PAGE = Path(__file__).parents[2] / "docs/permissions.md"

INTRODUCTION = """\
# Who may do what

Every function has a role of its own, the state machine and the schedule have theirs, and two more sign links. This page lists what each of them may do, from the template after AWS's own translator, and what uses it:

- **the function**: it asks for this itself. The end-to-end tests run with IAM enforced, and the engine writes down what each role is let through with; a grant that no test uses fails them (`tests/e2e/test_permissions.py`).
- **AWS**: a service asks for this under the role. The engine does not look at these calls; `tests/template/test_calls.py` derives each from the template and the state machine, has it evaluated, and sees it refused once its permission is taken away.
- **nothing here**: with the reason why it is granted all the same (`tests/template/unused.py`). An excuse for something that is used after all fails the tests, too.

`make permissions` writes this page; `make test` fails when it is out of date.
"""


def page() -> str:
    expanded = expand(source())
    resources = everything(expanded)
    by_default = set(grants(named(expanded)))
    made = dict(calls(resources, definition()))
    granted = grants(resources)
    by_aws = used(granted, made.values())
    lines = [INTRODUCTION]
    for role, its_own in groupby(granted, lambda grant: grant.role):
        lines += ["", f"## {role}", "", "| Why | What | On | Used by |", "|---|---|---|---|"]
        for sid, statement in groupby(its_own, lambda grant: grant.sid):
            lines += _rows(sid, list(statement), by_aws, by_default)
    lines += _without_a_role(permissions(resources), made.values())
    return "\n".join(lines) + "\n"


def _rows(
    sid: str, granted: list[Grant], by_aws: set[Grant], by_default: set[Grant]
) -> Iterator[str]:
    """A row for each set of actions that are allowed on the same resources and used alike."""

    def on(grant: Grant) -> str:
        return f"`{grant.on}`" if grant.resource != "*" else "everything"

    def use(grant: Grant) -> str:
        if grant in by_aws:
            return "AWS"
        unused = excuse(grant, by_default)
        return f"nothing here: {unused.why}" if unused else "the function"

    rows: dict[tuple[str, ...], list[str]] = {}
    for action in dict.fromkeys(grant.action for grant in granted):
        for by, same in groupby([g for g in granted if g.action == action], use):
            rows.setdefault((by, *map(on, same)), []).append(f"`{action}`")
    for (by, *places), actions in rows.items():
        yield f"| {sid} | {', '.join(actions)} | {', '.join(places)} | {by} |"


def _without_a_role(given: Iterable[Permission], made: Iterable[Call]) -> Iterator[str]:
    yield from ("", "## AWS's services, without a role", "")
    yield from ("| Who | What | On | For |", "|---|---|---|---|")
    rows = {}
    for permission in given:
        for statement in permission.statements:
            if not permission.role and statement["Effect"] == "Allow":
                who = statement["Principal"]["Service"].partition(".")[0]
                sources = [
                    f"`{plain(source)}`"
                    for keys in statement.get("Condition", {}).values()
                    for value in keys.values()
                    for source in listed(value)
                ]
                key = (who, ", ".join(listed(statement["Action"])), statement["Resource"])
                rows.setdefault(key, []).extend(sources)
    for (who, actions, resource), sources in sorted(rows.items()):
        of = ", ".join(sources) or "whatever it is asked for: such a policy knows no condition"
        yield f"| {who} | `{actions}` | `{plain(resource)}` | {of} |"


def main() -> None:
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
