"""The door of both origins: every call is journalled here and gets its planned fault."""

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from local.simulator.account import Account
from local.simulator.faults import Line, deliver, respond


class Front:
    """Stands before an application; *finish* may add headers to each of its answers.

    The journal's entry of a call is `request.state.entry` to the endpoints, which add the ids
    and numbers that belong to it.
    """

    def __init__(
        self,
        app: Starlette,
        event: str,
        finish: Callable[[Any, Response], None] = lambda world, response: None,
    ) -> None:
        self._app = app
        self._event = event
        self._finish = finish

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP call."""
        world: Account[Any] = scope["state"]["world"]
        route = self._route(scope)
        fault = world.take_fault(route)
        entry = world.journal.write(
            self._event,
            route=route,
            method=scope["method"],
            path=scope["path"],
            status=None,
            fault=fault and fault.what,
        )
        scope["state"]["entry"] = entry
        line = Line(scope, receive, send)
        response = await respond(self._app, fault, line)
        self._finish(world, response)
        entry.update(await deliver(response, fault, line))

    def _route(self, scope: Scope) -> str | None:
        names = (
            route.name
            for route in self._app.routes
            if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL
        )
        return next(names, None)
