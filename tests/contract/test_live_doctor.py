"""What the doctor who acts finds of a page, an API and a day that went wrong."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from avatars.clock import Clock
from cli.doctor.finding import Finding, Level
from cli.doctor.live import delivered, outside
from cli.target import Resource, Target
from tests.contract.loopback import Exchange, Loopback, loopback

HEADERS = {
    "Content_Type": "text/html",
    "Content_Security_Policy": "default-src 'none'; frame-ancestors 'none'",
    "X_Content_Type_Options": "nosniff",
    "X_Frame_Options": "DENY",
    "Referrer_Policy": "no-referrer",
}
"""With `_` for `-`, as `Exchange.answer` takes them."""

RULE, SWEEP = "a-rule", "SweepJobsFunction"

Check = Callable[[Target], Iterator[Finding]]


@pytest.fixture
def host() -> Iterator[Loopback]:
    with loopback() as host:
        yield host


@pytest.fixture
def target(aws: None, host: Loopback) -> Target:
    """A stack whose page, sign-in and API are at one host, as on this machine."""
    outputs = {
        "PageUrl": f"{host.origin}/",
        "SignInUrl": f"{host.origin}/login",
        "ApiUrl": f"{host.origin}/api",
        "OwnerPool": "eu-west-1_Ab12",
        "OwnerPoolClient": "the-page",
    }
    target = Target("a-stack", outputs, boto3.client, Clock(0, 1), local=True)
    vars(target)["all_resources"] = [
        Resource(RULE, "AWS::Events::Rule", RULE),
        Resource(SWEEP, "AWS::Lambda::Function", SWEEP),
    ]
    return target


def serve(host: Loopback, config: object = None, **changes: str) -> None:
    headers = {name: value for name, value in (HEADERS | changes).items() if value}
    host.on("/", lambda exchange: exchange.answer(200, b"<!doctype html>", **headers))
    content = json.dumps({"api": "https://api"} if config is None else config).encode()
    host.on("/config.json", lambda exchange: exchange.answer(200, content))


def found(check: Check, target: Target) -> dict[Level, list[str]]:
    findings = list(check(target))
    assert all(each.remedy for each in findings if each.level is Level.FINDING)
    return {level: [each.said for each in findings if each.level is level] for level in Level}


class TestPage:
    def test_as_it_is_deployed_nothing_is_wrong(self, host: Loopback, target: Target) -> None:
        serve(host)

        said = found(outside.page, target)

        assert said[Level.OK] == ["It is served with its headers.", "It knows its API."]
        assert said[Level.FINDING] == []

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("Content_Security_Policy", ""),
            ("Content_Security_Policy", "default-src *"),
            ("X_Frame_Options", "ALLOWALL"),
            ("X_Content_Type_Options", ""),
            ("Referrer_Policy", "unsafe-url"),
        ],
    )
    def test_a_header_that_protects_nobody(
        self, host: Loopback, target: Target, header: str, value: str
    ) -> None:
        serve(host, **{header: value})

        (wrong,) = found(outside.page, target)[Level.FINDING]

        assert header.lower().replace("_", "-") in wrong

    def test_a_page_that_leads_nowhere(self, host: Loopback, target: Target) -> None:
        serve(host, config={})

        assert found(outside.page, target)[Level.FINDING] == ["Its config.json names no API."]

    def test_a_page_that_is_not_there(self, host: Loopback, target: Target) -> None:
        host.on("/", Exchange.hang_up)
        host.on("/config.json", Exchange.hang_up)

        assert "does not give it" in found(outside.page, target)[Level.FINDING][0]

    def test_on_aws_a_page_without_tls(self, host: Loopback, target: Target) -> None:
        serve(host)

        (wrong,) = found(outside.page, replace(target, local=False))[Level.FINDING]

        assert "is not https" in wrong


class TestSignIn:
    def test_it_is_asked_as_the_page_asks_and_answers(self, host: Loopback, target: Target) -> None:
        host.on("/oauth2/authorize", lambda exchange: exchange.answer(200))

        assert found(outside.sign_in, target)[Level.FINDING] == []
        assert "code_challenge_method=S256" in host.requests[0]

    @pytest.mark.parametrize(
        "behaviour",
        [
            lambda exchange: exchange.answer(400),
            lambda exchange: exchange.answer(302, Location="/error?error=redirect_mismatch"),
            Exchange.hang_up,
        ],
        ids=["an error", "a page that names an error", "nothing"],
    )
    def test_one_that_shows_no_sign_in_page(
        self, host: Loopback, target: Target, behaviour: Callable[[Exchange], None]
    ) -> None:
        host.on("/oauth2/authorize", behaviour)
        host.on("/error", lambda exchange: exchange.answer(200))

        assert len(found(outside.sign_in, target)[Level.FINDING]) == 1


class TestTokens:
    def test_an_api_that_takes_none_of_ours(self, host: Loopback, target: Target) -> None:
        host.on("/api/styles", lambda exchange: exchange.answer(401))

        said = found(outside.tokens, target)

        assert said[Level.FINDING] == []
        assert len(said[Level.OK]) == 2

    def test_an_api_that_takes_any(self, host: Loopback, target: Target) -> None:
        host.on("/api/styles", lambda exchange: exchange.answer(200, b"{}"))

        wrong = found(outside.tokens, target)[Level.FINDING]

        assert [each.split(" gets ")[1] for each in wrong] == ["200 instead of 401."] * 2


class TestCounted:
    def count(self, namespace: str, metric: str, name: str, value: str, counted: float) -> None:
        boto3.client("cloudwatch").put_metric_data(
            Namespace=namespace,
            MetricData=[
                {
                    "MetricName": metric,
                    "Dimensions": [{"Name": name, "Value": value}],
                    "Timestamp": datetime.now(UTC) - timedelta(minutes=5),
                    "Value": counted,
                }
            ],
        )

    def test_rules_that_did_not_reach_their_targets(self, target: Target) -> None:
        there = replace(target, local=False)
        vars(there)["all_resources"] = target.all_resources
        before = found(delivered.deliveries, there)[Level.FINDING]
        self.count("AWS/Events", "FailedInvocations", "RuleName", RULE, 3)

        (wrong,) = found(delivered.deliveries, there)[Level.FINDING]

        assert before == []
        assert "a-rule 3 times" in wrong

    def test_a_sweep_that_never_ran_ran_or_failed(self, target: Target) -> None:
        there = replace(target, local=False)
        vars(there)["all_resources"] = target.all_resources

        never = found(delivered.sweep, there)
        self.count("AWS/Lambda", "Invocations", "FunctionName", SWEEP, 4)
        ran = found(delivered.sweep, there)
        self.count("AWS/Lambda", "Errors", "FunctionName", SWEEP, 1)
        failed = found(delivered.sweep, there)

        assert "has not run" in never[Level.NOTE][0]
        assert ran[Level.OK] == ["It has run 4 times in the last hour."]
        assert failed[Level.FINDING] == ["1 of 4 sweeps of the last hour failed."]
