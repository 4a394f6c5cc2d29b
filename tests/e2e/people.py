"""People of the template's user pool, as the HTTP API meets them."""

from typing import Any

import httpx

from tests.e2e.pipeline import Pipeline, eventually

PASSWORD = "Correct-horse-battery-1"


class Person:
    """Somebody in the template's user pool, and their HTTP client for the API."""

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self.name = name
        users, outputs = pipeline.aws("cognito-idp"), pipeline.stack.outputs
        pool = outputs["OwnerPool"]
        user = users.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
        users.admin_set_user_password(
            UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True
        )
        signed_in = users.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=outputs["OwnerPoolClient"],
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        token = signed_in["AuthenticationResult"]["IdToken"]
        (self.owner,) = (
            attribute["Value"]
            for attribute in user["User"]["Attributes"]
            if attribute["Name"] == "sub"
        )
        self.http = httpx.Client(
            base_url=outputs["ApiUrl"],
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )

    def order(self, **body: Any) -> httpx.Response:
        return self.http.post("/jobs", json=body)

    @property
    def token(self) -> str:
        return self.http.headers["Authorization"]

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.http.get(f"/jobs/{job_id}").raise_for_status().json()
        return job

    def job_that_ended(self, job_id: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["status"] in ("COMPLETED", "FAILED", "NEEDS_ATTENTION") else None

        return eventually(ended, f"end of {job_id}")


def send(upload: dict[str, Any], photo: bytes) -> httpx.Response:
    """Upload a photo with its form, as a browser would."""
    return httpx.post(
        upload["url"], data=upload["fields"], files={"file": photo}, trust_env=False, timeout=30
    )
