"""The door of signed-in owners: the HTTP API."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

import httpx

from cli.doors.documents import (
    AskedForMore,
    Avatar,
    Catalogue,
    Job,
    JobSummary,
    Line,
    Model,
    Order,
    Ordered,
    Receipt,
)
from cli.doors.door import DoorError
from cli.doors.http import TRIES_AGAIN, repeating_client
from cli.doors.refusals import refusal

PAGE = 50

_OF_THE_GATEWAY = {
    401: "The API does not accept the token: sign in again with `avatars sign-in`.",
    403: "The API does not let this token in: sign in as somebody who may use it.",
    404: "The API has no such page: is its address right, and the stack as new as this command?",
    413: "The API does not take a request of that size: order fewer photos at once.",
    429: "The API takes no more requests for the moment: try again in a minute.",
}


class ApiDoor:
    """An API at an address, signed in to by its owner; see `Door`."""

    look_seconds = 2.0
    clock_scale = 1.0
    keeps_keys = True

    def __init__(
        self,
        url: str,
        auth: httpx.Auth,
        transport: httpx.BaseTransport | None = None,
        tries_again: int = TRIES_AGAIN,
        storage: httpx.BaseTransport | None = None,
    ) -> None:
        self.storage = storage
        self.url = url.rstrip("/")
        self._http = repeating_client(self.url, auth, transport, tries_again)

    @property
    def name(self) -> str:
        return f"whoever is signed in at {self.url}"

    def catalogue(self) -> Catalogue:
        return cast(Catalogue, self._ask("GET", "/styles"))

    def order(self, order: Order, key: str) -> Ordered:
        return cast(Ordered, self._ask("POST", "/jobs", order, key))

    def start(self, job_id: str) -> Job:
        return cast(Job, self._ask("POST", f"{_job(job_id)}/start", key=str(uuid.uuid4())))

    def jobs(self) -> Iterator[JobSummary]:
        return cast(Iterator[JobSummary], self._pages("/jobs", "jobs"))

    def job(self, job_id: str) -> Job:
        return cast(Job, self._ask("GET", _job(job_id)))

    def avatars(self, job_id: str) -> Iterator[Avatar]:
        return cast(Iterator[Avatar], self._pages(f"{_job(job_id)}/avatars", "avatars"))

    def more(self, job_id: str, lines: Sequence[Line], key: str) -> AskedForMore:
        body = {"prompts": list(lines)}
        return cast(AskedForMore, self._ask("POST", f"{_job(job_id)}/avatars", body, key))

    def models(self) -> Iterator[Model]:
        return cast(Iterator[Model], self._pages("/models", "models"))

    def erase(self, job_id: str) -> Receipt:
        return cast(Receipt, self._ask("DELETE", _job(job_id), key=str(uuid.uuid4())))

    def close(self) -> None:
        self._http.close()

    def _pages(self, path: str, name: str) -> Iterator[Any]:
        params: dict[str, str | int] = {"limit": PAGE}
        while True:
            page = self._ask("GET", path, params=params)
            yield from page[name]
            if page["next"] is None:
                return
            params["next"] = page["next"]

    def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        key: str | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Any:
        """The document that answers. *key* stays the same however often the call is repeated."""
        try:
            answer = self._http.request(
                method,
                path,
                json=body,
                params=params,
                headers={"Idempotency-Key": key} if key else {},
            )
            document = answer.json() if answer.content else {}
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DoorError(
                f"{self.url} cannot be reached ({type(error).__name__}): check the address and "
                "your connection, and try again.",
                passes=isinstance(error, httpx.TransportError),
            ) from error
        except ValueError as error:
            raise DoorError(
                f"{self.url} does not answer as the API does (status {answer.status_code}): check "
                "the address.",
                passes=answer.is_server_error,
            ) from error
        if answer.is_success:
            return document
        raise _problem(answer.status_code, document)


def _job(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def _problem(status: int, document: Any) -> DoorError:
    """What an answer that is no success says, for people."""
    if isinstance(document, dict) and "code" in document:
        return refusal(
            document["code"],
            str(document.get("detail", "")),
            str(document.get("remedy", "")),
            document.get("errors") or (),
            passes=status >= httpx.codes.INTERNAL_SERVER_ERROR,
        )
    return DoorError(
        _OF_THE_GATEWAY.get(status)
        or f"The API answers {status}: try again; if that stays so, look at the stack's logs with "
        "whoever runs it.",
        passes=status >= httpx.codes.INTERNAL_SERVER_ERROR
        or status == httpx.codes.TOO_MANY_REQUESTS,
    )
