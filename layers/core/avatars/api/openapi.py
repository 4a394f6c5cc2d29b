"""The OpenAPI document, made of the routes, and a page that shows it.

`python -m avatars.api.openapi FOLDER` writes `openapi.json` and `api.html` into a folder; with
`--check`, it only says whether they are what it would write.
"""

import json
import sys
from importlib import resources
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.openapi import swagger_ui
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer

from avatars.api.routes import app

DESCRIPTION = """\
Selfies in, avatars out. Order a job, upload its photos with the forms that come back, see how it
stands, fetch its avatars. Every request carries a token of the stack's user pool, or of the issuer
that the stack trusts; everybody sees their own jobs only. A write may carry an `Idempotency-Key`:
repeated within a day, it repeats its outcome. Times are Unix seconds."""


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the routes."""
    described: dict[str, Any] = json.loads(
        app.get_openapi_json_schema(
            title="Avatars",
            version="1",
            description=DESCRIPTION,
            security_schemes={"owner": HTTPBearer(bearerFormat="JWT")},
            security=[{"owner": []}],
        )
    )
    archive = described["paths"]["/jobs/{job_id}/archive"]["get"]["responses"]
    archive["202"] = archive["200"] | {"description": "It is being packed: ask again in a moment"}
    # Nothing refers to it any more: each route says by itself how it says no.
    described["components"]["schemas"].pop("HTTPValidationError")
    return described


def files() -> dict[str, str]:
    """What is written, by name: the document, and a page that needs nothing else."""
    described = document()
    folder = resources.files(swagger_ui)
    page = swagger_ui.generate_swagger_html(
        json.dumps(described, sort_keys=True).replace("</", "<\\/"),
        (folder / "swagger-ui-bundle.min.js").read_text(),
        (folder / "swagger-ui.min.css").read_text(),
        swagger_base_url="",
        oauth2_config=None,
    )
    return {
        "openapi.json": json.dumps(described, indent=2, sort_keys=True, ensure_ascii=False) + "\n",
        "api.html": page.replace("<title>Swagger UI", "<title>Avatars: the HTTP API").strip()
        + "\n",
    }


def main(arguments: list[str]) -> int:
    """Write the files, or check them; 1 where they are not what the routes say."""
    checking = "--check" in arguments
    folder = Path(next(argument for argument in arguments if argument != "--check"))
    stale = []
    for name, text in files().items():
        file = folder / name
        if checking and (not file.exists() or file.read_text() != text):
            stale.append(str(file))
        elif not checking:
            file.write_text(text)
    if stale:
        sys.stderr.write(f"Not what the routes say: {', '.join(stale)} (make openapi)\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
