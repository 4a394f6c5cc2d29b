"""Checkov on an expanded template: `python -m gates.checkov TEMPLATE.json`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gates import canary
from gates.finding import Finding, GateError, report

CHECKOV = Path(sys.executable).with_name("checkov")


def scan(*templates: Path) -> dict[str, Any]:
    """Checkov's own report. Raises GateError unless it has read the templates, and all of them."""
    files = [word for template in templates for word in ("--file", str(template.resolve()))]
    with tempfile.TemporaryDirectory() as nobodys:  # where no configuration of checkov's lies
        done = subprocess.run(
            [
                CHECKOV,
                *files,
                "--framework",
                "cloudformation",
                "--output",
                "json",
                "--compact",
                "--skip-download",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=nobodys,
            env=os.environ | {"HOME": nobodys},
        )
    if done.returncode not in (0, 1):
        raise GateError(f"checkov has crashed ({done.returncode}): {done.stderr[-2000:]}")
    scanned: dict[str, Any] = json.loads(done.stdout)
    if "summary" not in scanned or scanned["summary"]["parsing_errors"]:
        raise GateError(f"checkov could not read what it was given: {done.stdout[:2000]}")
    expected = sum(len(json.loads(each.read_text())["Resources"]) for each in templates)
    if scanned["summary"]["resource_count"] < expected:
        raise GateError(f"checkov has seen {scanned['summary']} of {expected} resources.")
    return scanned


def of_file(template: Path, checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [check for check in checks if Path(check["file_path"]).name == template.name]


def findings(checks: list[dict[str, Any]]) -> list[Finding]:
    return [
        Finding(check["check_id"], check["resource"].rpartition(".")[2], check["check_name"])
        for check in checks
    ]


def main() -> int:
    template = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        planted = Path(folder, "canary.json")
        planted.write_text(json.dumps(canary.TEMPLATE))
        results = scan(template, planted)["results"]
    failed = of_file(template, results["failed_checks"])
    total = len(failed) + len(of_file(template, results["passed_checks"]))
    return report(
        "checkov",
        f"{total} checks, {len(failed)} not met ({len(failed) / total:.1%})",
        findings(failed),
        findings(of_file(planted, results["failed_checks"])),
        "CKV_AWS_18",
    )


if __name__ == "__main__":
    sys.exit(main())
