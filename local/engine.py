"""The embedded AWS as a process of this machine: started, asked for its health, stopped."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import botocore.session
import httpx
from botocore.config import Config

HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT_ID = "123456789012"
# The engine knows its root user by these; they open nothing else.
ROOT_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}

# Handlers that run at once: on two cores, more of them would start slower than they finish.
LAMBDA_SLOTS = 8
# AWS retries an asynchronous call after one minute, then after two.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
ASYNC_RETRY_SECONDS = 60

RECORD_CALLS = "AVATARS_RECORD_CALLS"
"""If this variable names a folder, engines write down there what roles ask of them."""

START_SECONDS, STOP_SECONDS = 30, 15
PROJECT = Path(__file__).parent.parent


class EngineError(RuntimeError):
    """The engine did not start; the text says why, or ends with its last lines."""


class Engine:
    """One embedded AWS, its objects and its log in *state_dir*, reachable from this machine only.

    `with Engine(state_dir) as engine:` ends it with the block, and however this process ends.
    What it knew is then gone.

    Port 0 is any free one. *wait_scale* is the length of Wait
    states and retry delays in real ones: 0.01 turns five minutes into three seconds.
    """

    module = "local.ministack"
    """What is run: another one may put something around the engine."""

    def __init__(self, state_dir: Path, port: int = 0, wait_scale: float = 1.0) -> None:
        self.state_dir = state_dir.resolve()
        self.port = port
        self.wait_scale = wait_scale
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def endpoint_url(self) -> str:
        """Where the engine answers once it is started, for AWS_ENDPOINT_URL."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file with everything that the engine and its handlers print."""
        return self.state_dir / "engine.log"

    @property
    def is_healthy(self) -> bool:
        """Whether the engine answers."""
        try:
            # Never through the proxy that the environment may name.
            answer = httpx.get(f"{self.endpoint_url}/_ministack/health", trust_env=False)
        except httpx.TransportError:
            return False
        return answer.is_success

    def start(self) -> None:
        """Start the engine and wait until it answers. Raises EngineError."""
        self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)  # it will hold faces
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir()
        self.port = _free_port(self.port)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                cwd=PROJECT,
                env=self.environment(),
                stdin=subprocess.PIPE,  # it ends when this closes, if only by our death
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for whoever shows the progress
            )
        self._wait_until_healthy(self._process)

    def stop(self) -> None:
        """Stop the engine and its handlers. Nothing happens if it is over."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # handlers, which it left to themselves
        process.wait()

    def environment(self) -> dict[str, str]:
        """The engine's whole environment. Handlers inherit it: nothing of the user's is in it."""
        folder = os.environ.get(RECORD_CALLS)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._scratch),
            "TMPDIR": str(self._scratch),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            **{name.upper(): value for name, value in ROOT_KEYS.items()},
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
            "AUTH": "true",
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.state_dir / "s3"),
            # Two services that would listen on ports of their own.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "SFN_WAIT_SCALE": str(self.wait_scale),
            "LAMBDA_ACCOUNT_CONCURRENCY": str(LAMBDA_SLOTS),
            "LAMBDA_WARM_TTL_SECONDS": "60",
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": str(ASYNC_RETRY_SECONDS * self.wait_scale),
            "LAMBDA_ASYNC_RETRY_MAX_SECONDS": str(5 * ASYNC_RETRY_SECONDS * self.wait_scale),
            **({"RECORD_CALLS": folder} if folder else {}),
        }

    @property
    def _scratch(self) -> Path:
        return self.state_dir / "tmp"

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_healthy:
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                last_lines = self.log.read_text(errors="replace").splitlines()[-10:]
                raise EngineError("\n".join(["the engine did not start:", *last_lines]))
            time.sleep(0.05)


def client(service: str, endpoint_url: str, config: Config | None = None, **options: Any) -> Any:
    """A boto3 client of the engine at *endpoint_url*, as its root user unless *options* have keys.

    Whatever profile the environment names is somebody's for AWS, and may not even exist.
    """
    nobodys = botocore.session.Session({"profile": (None, None, None, None)})
    return boto3.Session(botocore_session=nobodys).client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        config=Config(proxies={}).merge(config or Config()),
        **ROOT_KEYS | options,
    )


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        # The port of an engine that just ended is free, though the system waits with it.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            raise EngineError(f"port {wanted} is taken") from None
        port: int = probe.getsockname()[1]
        return port
