"""Providers' keys on their way into the secret: never an argument, never printed."""

import json
import os
import re
import sys
from pathlib import Path

from avatars.provider.catalog import CAPABILITIES
from cli.deploying.deployment import Asking
from cli.doctor import provider
from cli.doctor.finding import Finding
from cli.saying import UsageError
from cli.target import Target

VARIABLE = "AVATARS_PROVIDER_KEY"

MOST_CHARACTERS = 4096

_KEY = re.compile(r"[!-~]+")


def given_key(file: Path | None) -> str | None:
    """The key from a file (`-` is standard input), else from the environment; None without one.

    Raises UsageError.
    """
    if file is None:
        return _checked(os.environ[VARIABLE], VARIABLE) if os.environ.get(VARIABLE) else None
    where = "standard input" if str(file) == "-" else str(file)
    try:
        text = sys.stdin.read(MOST_CHARACTERS) if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The key cannot be read from {where}: {type(error).__name__}.") from error
    return _checked(text, where)


def asked_key(asking: Asking) -> str | None:
    """The key as somebody types it, unseen; None where it is to be put there later."""
    typed = asking.ask_secret("The provider's key, which is not shown (empty: later)")
    return _checked(typed, "what was typed") if typed.strip() else None


def put_key(target: Target, key: str) -> list[Finding]:
    """Put the key into the stack's secret, and say what the provider says to it."""
    target.client("secretsmanager").put_secret_value(
        SecretId=target.outputs["ProviderKeySecret"], SecretString=key
    )
    return list(provider.accounts(target))


def _checked(text: str, where: str) -> str:
    """One key, or a JSON object of keys by account, as the secret holds it."""
    text = text.strip()
    if not text:
        raise UsageError(f"There is no key in {where}.")
    for key in _keys_by_account(text, where) if text.startswith("{") else [text]:
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise UsageError(
                f"What is in {where} is no key: keys are one line of ASCII without blanks, or a "
                'JSON object of such by account, {"ACCOUNT": "KEY", ...}.'
            )
    return text


def _keys_by_account(text: str, where: str) -> list[object]:
    """The keys of a JSON object. What is wrong with it is said without any part of it."""
    try:
        keys = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"What is in {where} begins like JSON, and is none.") from None
    accounts = list(dict.fromkeys(can.account for can in CAPABILITIES.values()))
    if not keys or not keys.keys() <= set(accounts):
        raise UsageError(
            f"What is in {where} must name accounts of providers: {', '.join(accounts)}."
        )
    return list(keys.values())
