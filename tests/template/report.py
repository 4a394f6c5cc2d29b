"""`docs/permissions.md`: what each role may do, and what uses it. `make permissions` writes it."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

from tests.template.calls import calls
from tests.template.expanded import definition, everything, expand, listed, named, of_type, source
from tests.template.grants import Grant, grants, plain, used
from tests.template.permissions import Permission, permissions, sources_of
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


HEAD = ["", "| Why | What | On | Used by |", "|---|---|---|---|"]


def page() -> str:
    expanded = expand(source())
    resources = everything(expanded)
    granted = grants(resources)
    by_default = set(grants(named(expanded)))
    by_aws = used(granted, (call for _, call in calls(resources, definition())))

    def use(grant: Grant) -> str:
        if grant in by_aws:
            return "AWS"
        unused = excuse(grant, by_default)
        return f"nothing here: {unused.why}" if unused else "the function"

    functions = {f"{name}Role" for name in of_type(resources, "Lambda::Function")}
    lines = [INTRODUCTION.rstrip()]
    for title, some in _sections(granted, functions):
        lines += ["", f"## {title}", *HEAD]
        for sid, statement in groupby(some, lambda grant: grant.sid):
            lines += _rows(sid, list(statement), use)
    lines += ["", "## AWS's services, without a role"]
    lines += ["", "| Who | What | On | For |", "|---|---|---|---|"]
    lines += _without_a_role(permissions(resources))
    return "\n".join(lines) + "\n"


def _sections(granted: list[Grant], functions: set[str]) -> Iterator[tuple[str, list[Grant]]]:
    """What all functions have, once; then what is a role's own."""
    roles = {
        role: {_without_role(grant): grant for grant in some}
        for role, some in groupby(granted, lambda grant: grant.role)
    }
    first, *others = (roles[role] for role in sorted(functions))
    shared = [what for what in first if all(what in other for other in others)]
    yield "The role of every function", [first[what] for what in shared]
    for role, some in roles.items():
        own = [grant for what, grant in some.items() if role not in functions or what not in shared]
        if own:
            yield role, own


def _without_role(grant: Grant) -> tuple[str, ...]:
    return grant.sid, grant.action, grant.on


def _rows(sid: str, granted: list[Grant], use: Callable[[Grant], str]) -> Iterator[str]:
    """A row for each set of actions that are allowed on the same resources and used alike."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for action in dict.fromkeys(grant.action for grant in granted):
        for by, same in groupby([g for g in granted if g.action == action], use):
            places = [f"`{g.on}`" if g.resource != "*" else "everything" for g in same]
            rows.setdefault((by, *places), []).append(f"`{action}`")
    for (by, *places), actions in rows.items():
        yield f"| {sid} | {', '.join(actions)} | {', '.join(places)} | {by} |"


def _without_a_role(given: Iterable[Permission]) -> Iterator[str]:
    """Who is let in by a resource itself; a row for each service and what it may do there."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for permission in given:
        for statement in permission.statements:
            if not permission.role and statement["Effect"] == "Allow":
                [who] = listed(statement["Principal"]["Service"])
                on = ", ".join(f"`{plain(resource)}`" for resource in listed(statement["Resource"]))
                actions = ", ".join(f"`{action}`" for action in listed(statement["Action"]))
                key = who.partition(".")[0], actions, on
                rows.setdefault(key, []).extend(f"`{plain(one)}`" for one in sources_of(statement))
    for (who, actions, on), sources in sorted(rows.items()):
        of = ", ".join(sources) or "whatever it is asked for: such a policy knows no condition"
        yield f"| {who} | {actions} | {on} | {of} |"


def main() -> None:
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
