"""Everything on one machine: the embedded AWS with the deployed template, and the simulator.

`python -m local.stack STATE_DIR` runs it and writes where everything is to STATE_DIR.json.
"""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from avatars.clock import Clock
from local.engine import PROJECT, REGION, Engine, client

STACK = "avatars"

SCALE = 0.01
"""Seconds of the wall per second of the pipeline: a training of ten minutes takes six seconds."""

RECEIVER = "http://127.0.0.1:8750"
"""Where webhooks may lead on this machine, if somebody listens there."""

QUIET_PERIOD_SECONDS = 3
PAGE_USER = "you@example.com"
START_SECONDS, STOP_SECONDS = 60, 30


class StackError(RuntimeError):
    """The local stack is not there, or did not start."""


@dataclass(frozen=True)
class Stack:
    """A running local stack: where everything is, and how fast its clock runs."""

    endpoint_url: str
    outputs: dict[str, str]
    simulator_url: str
    simulator_admin_url: str
    astria_url: str
    astria_admin_url: str
    clock_epoch: int
    clock_scale: float
    log: str
    pid: int
    page_url: str
    page_user: str
    page_password: str
    """Made up for this stack: the page shows both, and nobody else is in its user pool."""

    @property
    def clock(self) -> Clock:
        return Clock(self.clock_epoch, self.clock_scale)


@contextlib.contextmanager
def running_stack(
    state_dir: Path,
    *,
    template: Path = PROJECT / "template.yaml",
    scale: float = SCALE,
    parameters: Mapping[str, str] | None = None,
    seed: int | None = None,
    engine_class: type[Engine] = Engine,
    astria: Mapping[str, Any] | None = None,
    **scenario: Any,
) -> Iterator[Stack]:
    """A stack for the length of the block, new from the ground: an old state is removed.

    *scenario* are the simulator's knobs for Picsart, *astria* holds those for Astria.
    """
    # Whoever only looks for a stack does not wait for seconds until all of this is imported.
    from local.deploy import deploy
    from local.front import Front, application, page_headers
    from local.passage import Upstream
    from local.simulator.running import running_simulator
    from local.simulator.styles import Style

    shutil.rmtree(state_dir, ignore_errors=True)
    clock = Clock(int(time.time()), scale)
    key, astria_key = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    with (
        running_simulator(
            api_key=key,
            astria_key=astria_key,
            clock=clock,
            seed=secrets.randbelow(2**32) if seed is None else seed,
            astria=astria,
            **scenario,
        ) as simulator,
        engine_class(state_dir, wait_scale=scale) as engine,
        contextlib.closing(Front()) as front,
    ):
        deployment = deploy(
            template,
            STACK,
            {
                "ClockEpoch": str(int(clock.epoch)),
                "ClockScale": str(scale),
                "QuietPeriodSeconds": str(QUIET_PERIOD_SECONDS),
                "ProviderUrl": simulator.api_url,
                "ProviderStatusUrl": simulator.api_url,
                "ProviderResultOrigins": simulator.results_origin,
                "WebhookOrigins": RECEIVER,
                "PageOrigin": front.origin,
                "MachineClients": "1",
                "ProviderStyles": ",".join(Style),
            }
            | dict(parameters or {}),
            engine.endpoint_url,
        )
        client("secretsmanager", engine.endpoint_url).put_secret_value(
            SecretId=deployment.outputs["ProviderKeySecret"], SecretString=key
        )
        password = f"Aa1-{secrets.token_urlsafe(12)}"  # every kind of character that pools want
        _invite(engine.endpoint_url, deployment.outputs["OwnerPool"], password)
        with front.serving(
            application(
                front.origin,
                Upstream(
                    url=engine.endpoint_url,
                    api_url=deployment.outputs["ApiUrl"],
                    upload_bucket=deployment.outputs["UploadBucket"],
                    avatar_bucket=deployment.outputs["AvatarBucket"],
                    pool=deployment.outputs["OwnerPool"],
                ),
                PROJECT / "web",
                _page_config(front.origin, deployment.outputs, password, clock),
                page_headers(template),
            )
        ):
            yield Stack(
                endpoint_url=engine.endpoint_url,
                outputs=deployment.outputs,
                simulator_url=simulator.api_url,
                simulator_admin_url=simulator.admin_url,
                astria_url=simulator.astria.api_url,
                astria_admin_url=simulator.astria.admin_url,
                clock_epoch=int(clock.epoch),
                clock_scale=scale,
                log=str(engine.log),
                pid=psutil.Process().pid,
                page_url=f"{front.origin}/",
                page_user=PAGE_USER,
                page_password=password,
            )


def start(state_dir: Path) -> Stack:
    """Start a stack that stays up until `stop`. Raises StackError."""
    return _wait_until_up(_launch(state_dir, "--detached", stdin=subprocess.DEVNULL), state_dir)


@contextlib.contextmanager
def started(state_dir: Path) -> Iterator[Stack]:
    """A stack in a process of its own, ended with the block, however that ends.

    Raises StackError.
    """
    process = _launch(state_dir, stdin=subprocess.PIPE)
    try:
        yield _wait_until_up(process, state_dir)
    finally:
        # Closing its standard input ends it, and the system does that even where this process dies.
        if process.stdin:
            process.stdin.close()
        process.wait(STOP_SECONDS)


def find(state_dir: Path) -> Stack | None:
    """The stack that runs in *state_dir*, if any; one of another version is none that is known."""
    try:
        stack = Stack(**json.loads(_record(state_dir).read_text()))
        command = psutil.Process(stack.pid).cmdline()
    except (FileNotFoundError, ValueError, TypeError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return stack if "local.stack" in command else None


def stop(state_dir: Path) -> bool:
    """Stop the stack of *state_dir* and remove what it held; False where none runs."""
    stack = find(state_dir)
    if stack is None:
        return False
    process = psutil.Process(stack.pid)
    process.terminate()
    process.wait(STOP_SECONDS)
    return True


def _invite(endpoint_url: str, pool: str, password: str) -> None:
    """Make PAGE_USER, who may sign in at once."""
    users = client("cognito-idp", endpoint_url)
    users.admin_create_user(UserPoolId=pool, Username=PAGE_USER, MessageAction="SUPPRESS")
    users.admin_set_user_password(
        UserPoolId=pool, Username=PAGE_USER, Password=password, Permanent=True
    )


def _page_config(
    origin: str, outputs: Mapping[str, str], password: str, clock: Clock
) -> dict[str, Any]:
    """The page's configuration, as the deployment writes it for CloudFront, with whom to be."""
    return {
        "api": f"{origin}/api",
        "region": REGION,
        "scope": "openid",
        "issuer": f"https://cognito-idp.{REGION}.amazonaws.com/{outputs['OwnerPool']}",
        "client_id": outputs["OwnerPoolClient"],
        "authorize": f"{origin}/oauth2/authorize",
        "token": f"{origin}/oauth2/token",
        "logout": f"{origin}/logout",
        "clock": {"epoch": int(clock.epoch), "scale": clock.scale},
        "try": {"username": PAGE_USER, "password": password},
    }


def _launch(state_dir: Path, *options: str, stdin: int) -> subprocess.Popen[bytes]:
    if running := find(state_dir):
        raise StackError(
            f"A stack runs already, at {running.endpoint_url}: `.venv/bin/avatars down` ends it."
        )
    state_dir.parent.mkdir(parents=True, exist_ok=True)
    with _output(state_dir).open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "local.stack", str(state_dir), *options],
            cwd=PROJECT,
            env={name: os.environ[name] for name in os.environ if not name.startswith("AWS_")},
            stdin=stdin,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for whoever shows the progress
        )


def _wait_until_up(process: subprocess.Popen[bytes], state_dir: Path) -> Stack:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if stack := find(state_dir):
            return stack
        time.sleep(0.05)
    process.kill()
    said = _output(state_dir).read_text(errors="replace").splitlines()[-15:]
    raise StackError("\n".join(["The local stack did not start:", *said]))


def _record(state_dir: Path) -> Path:
    return state_dir.with_suffix(".json")


def _output(state_dir: Path) -> Path:
    return state_dir.with_suffix(".log")


def main() -> None:
    """Run one stack until SIGTERM or, unless detached, the end of standard input."""
    parser = argparse.ArgumentParser(prog="python -m local.stack", description=main.__doc__)
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("--detached", action="store_true")
    options = parser.parse_args()
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    if not options.detached:
        threading.Thread(target=_set_when_stdin_closes, args=[over], daemon=True).start()
    with running_stack(options.state_dir) as stack:
        record = _record(options.state_dir)
        record.with_suffix(".new").write_text(json.dumps(asdict(stack)))
        record.with_suffix(".new").replace(record)  # whoever finds it, finds it whole
        over.wait()
        record.unlink()
    shutil.rmtree(options.state_dir)  # it held faces
    _output(options.state_dir).unlink(missing_ok=True)


def _set_when_stdin_closes(over: threading.Event) -> None:
    while os.read(0, 1024):  # not sys.stdin: Python could not end while a thread reads from it
        pass
    over.set()


if __name__ == "__main__":
    main()
