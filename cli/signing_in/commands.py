"""`avatars sign-in` and `avatars sign-out`."""

import webbrowser
from typing import Annotated

import typer

from cli.printing import print_line, tell
from cli.saying import RefusedError, UsageError, problems_told
from cli.signing_in.current import token_client
from cli.signing_in.issuer import Issuer, checked, from_discovery, from_page
from cli.signing_in.loopback import PORT, Loopback
from cli.signing_in.store import SignIn, SignIns
from cli.signing_in.tokens import Attempt

SECONDS = 300

PageArgument = Annotated[
    str | None,
    typer.Argument(metavar="[PAGE]", help="The address of the page, which names all the rest."),
]
ApiOption = Annotated[
    str | None, typer.Option(metavar="URL", help="The API, where there is no page.")
]


def sign_in(
    page: PageArgument = None,
    api: ApiOption = None,
    issuer: Annotated[
        str | None, typer.Option(metavar="URL", help="Who gives out its tokens (with --api).")
    ] = None,
    client_id: Annotated[
        str | None, typer.Option(metavar="ID", help="As what we are known there (with --api).")
    ] = None,
    browser: Annotated[
        bool, typer.Option(help="Open the browser; else the address is only printed.")
    ] = True,
    paste: Annotated[
        bool,
        typer.Option(
            "--paste", help="The browser is on another machine: paste the address it ends at."
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where the browser comes back to.")
    ] = PORT,
) -> None:
    """Sign in to an HTTP API with a browser; the token is kept for the commands that follow.

    Example: avatars sign-in https://avatars.example.com

    Example: avatars sign-in --api URL --issuer URL --client-id ID --paste

    Machines need no sign-in: they set AVATARS_TOKEN, or AVATARS_CLIENT_ID, AVATARS_CLIENT_SECRET
    and AVATARS_ISSUER.

    Exit codes: 0 signed in, 1 refused, 2 wrong usage, 130 interrupted.
    """
    with problems_told(), token_client() as http:
        if page and not (api or issuer or client_id):
            where, who = from_page(page, http)
        elif api and issuer and client_id and not page:
            where, who = checked(api).rstrip("/"), from_discovery(issuer, client_id, http)
        else:
            raise UsageError("Give the address of the PAGE, or --api, --issuer and --client-id.")
        attempt, code = _pasted(who, port) if paste else _led_back(who, port, browser=browser)
        sign_ins = SignIns()
        sign_ins.keep(SignIn(where, who, attempt.finish(code, http)))
        print_line(f"Signed in at {where}; what opens it is kept in {sign_ins.file}.")


def sign_out(api: ApiOption = None) -> None:
    """Forget the token for an API, or all of them.

    Exit codes: 0 forgotten, 1 there was none.
    """
    with problems_told():
        sign_ins = SignIns()
        apis = [api.rstrip("/")] if api else list(sign_ins.all())
        forgotten = [each for each in apis if sign_ins.forget(each)]
        if not forgotten:
            raise RefusedError("Nobody is signed in there.")
        for each in forgotten:
            print_line(f"Signed out at {each}.")


def _led_back(issuer: Issuer, port: int, *, browser: bool) -> tuple[Attempt, str]:
    with Loopback(port) as loopback:
        attempt = Attempt(issuer, loopback.redirect)
        tell(f"Sign in here: {attempt.address}")
        if browser:
            webbrowser.open(attempt.address)
        return attempt, attempt.code(loopback.answer(SECONDS))


def _pasted(issuer: Issuer, port: int) -> tuple[Attempt, str]:
    attempt = Attempt(issuer, f"http://localhost:{port}/")
    tell(f"Sign in here, in any browser: {attempt.address}")
    tell("It ends at a page that cannot be shown. Copy that page's address.")
    return attempt, attempt.code(typer.prompt("Address", err=True).strip())
