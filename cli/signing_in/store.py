"""Who is signed in where, in a file that only its owner may read."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from cli.saying import RefusedError
from cli.signing_in.issuer import Issuer
from cli.signing_in.tokens import Tokens


@dataclass(frozen=True)
class SignIn:
    """Tokens for one API, and who renews them."""

    api: str
    issuer: Issuer
    tokens: Tokens


class SignIns:
    """All sign-ins of this user, by the address of the API."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or Path(typer.get_app_dir("avatars")) / "sign-ins.json"

    def all(self) -> dict[str, SignIn]:
        try:
            content = json.loads(self.file.read_text())
            return {
                api: SignIn(api, Issuer(**each["issuer"]), Tokens(**each["tokens"]))
                for api, each in content.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RefusedError(
                f"{self.file} cannot be read ({type(error).__name__}): delete it and sign in again."
            ) from error

    def find(self, api: str) -> SignIn | None:
        return self.all().get(api)

    def keep(self, sign_in: SignIn) -> None:
        self._write(self.all() | {sign_in.api: sign_in})

    def forget(self, api: str) -> bool:
        """False where nobody was signed in there."""
        known = self.all()
        found = known.pop(api, None)
        if found:
            self._write(known)
        return found is not None

    def _write(self, sign_ins: dict[str, SignIn]) -> None:
        content = {
            api: {"issuer": asdict(each.issuer), "tokens": asdict(each.tokens)}
            for api, each in sign_ins.items()
        }
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self.file.with_suffix(".new")
        new.unlink(missing_ok=True)
        # Nobody else may read it, not even for the moment in which it is made.
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(content, file)
        new.replace(self.file)
