"""detect-secrets on every file of the repository: `python -m gates.secrets [--renew]`."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

from gates.finding import GateError

BASELINE = Path(__file__).with_name("secrets.json")
"""What looks like a secret and is none: ids of examples, keys made up for tests, names."""

NOT_OURS = re.compile(
    r"(.*/)?requirements(/\w+)?\.txt|docs/(api\.html|openapi\.json|chaos/.*)|web/vendor/.*"
)
"""Files that a command has written, or others have."""

CANARY = "curl -H 'X-Picsart-API-Key: " + "not-a-key-but-as-long-as-one" + "'\n"


FILTERS = (
    "allowlist.is_line_allowlisted",
    "heuristic.is_indirect_reference",
    "heuristic.is_likely_id_string",
    "heuristic.is_not_alphanumeric_string",
    "heuristic.is_potential_uuid",
    "heuristic.is_prefixed_with_dollar_sign",
    "heuristic.is_sequential_string",
    "heuristic.is_templated_secret",
)
"""Those of its command, but for the one that would ask the network."""


PLUGINS = (
    "AWSKeyDetector",
    "Base64HighEntropyString",
    "BasicAuthDetector",
    "GitHubTokenDetector",
    "HexHighEntropyString",
    "JwtTokenDetector",
    "KeywordDetector",
    "NpmDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
)
"""What could be in this repository; each costs time on every line."""


def settings() -> dict[str, Any]:
    plugin = Path(__file__).with_name("provider_key.py")
    ours = {"name": "ProviderKeyDetector", "path": plugin.as_uri()}
    return {
        "plugins_used": [*({"name": name} for name in PLUGINS), ours],
        "filters_used": [{"path": f"detect_secrets.filters.{each}"} for each in FILTERS],
    }


def scan(root: Path, files: list[str]) -> dict[str, list[dict[str, Any]]]:
    """What looks like a secret, by file: type, line number, and a hash instead of itself."""
    secrets = SecretsCollection(root=str(root))
    with transient_settings(settings()):
        for file in files:
            secrets.scan_file(file)
        found: dict[str, list[dict[str, Any]]] = secrets.json()
    return found


def tracked() -> list[str]:
    """The files that git knows or would add, but for links and what nobody here wrote."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    return [
        file
        for file in listed
        if file
        and Path(file).is_file()
        and not Path(file).is_symlink()
        and not NOT_OURS.fullmatch(file)
        and Path(file).resolve() != BASELINE
    ]


def known_by(secrets: dict[str, list[dict[str, Any]]]) -> dict[str, set[tuple[str, str]]]:
    return {
        file: {(secret["type"], secret["hashed_secret"]) for secret in found}
        for file, found in secrets.items()
    }


def main() -> int:
    files = tracked()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "canary.sh").write_text(CANARY)
        canaries = scan(Path(folder), ["canary.sh"])
    if "Provider key" not in {each["type"] for found in canaries.values() for each in found}:
        raise GateError("detect-secrets did not find the key that was planted: it has not looked.")
    found = scan(Path(), files)
    if "--renew" in sys.argv:
        kept = {
            file: [
                {"type": each["type"], "hashed_secret": each["hashed_secret"]} for each in secrets
            ]
            for file, secrets in sorted(found.items())
        }
        BASELINE.write_text(json.dumps(kept, indent=1) + "\n")
        return 0
    known = known_by(json.loads(BASELINE.read_text()))
    new = [
        (file, secret)
        for file, secrets in found.items()
        for secret in secrets
        if (secret["type"], secret["hashed_secret"]) not in known.get(file, set())
    ]
    for file, secret in new:
        sys.stderr.write(
            f"{file}:{secret['line_number']}: {secret['type']}. If it is none: make secrets\n"
        )
    sys.stdout.write(
        f"detect-secrets: {len(files)} files, {sum(map(len, known.values()))} known, "
        f"{len(new)} to mend\n"
    )
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
