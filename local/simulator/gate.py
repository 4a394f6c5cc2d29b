"""The gate of a simulated provider's API: who has the key, and is within the quota, may enter."""

import hmac
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from local.simulator.account import RefusedError


class Gate:
    """Stands before an application.

    *key_in* finds the key in the headers of a call, and *told* is how the provider says no.
    """

    def __init__(
        self,
        app: ASGIApp,
        api_key: str,
        key_in: Callable[[Headers], str],
        told: Callable[[Scope, RefusedError], Response],
    ) -> None:
        self._app = app
        self._key = api_key.encode()
        self._key_in = key_in
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the call or say why not."""
        app = self._app
        try:
            if not hmac.compare_digest(self._key_in(Headers(scope=scope)).encode(), self._key):
                raise RefusedError(401, "The API key is missing or wrong")
            scope["state"]["world"].admit()
        except RefusedError as error:
            app = self._told(scope, error)
        await app(scope, receive, send)
