"""The page and the sign-in, in what CloudFormation gets: who may call what, and from where."""

import hashlib
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from avatars.wiring import AwsStorage
from cli.signing_in.loopback import PORT
from local.deploy import package, translate
from local.front import page_headers
from tests.template.expanded import source

ROOT = Path(__file__).parents[2]
TEMPLATE = source()
REGION = "eu-central-1"
STACK_ID = f"arn:aws:cloudformation:{REGION}:123456789012:stack/avatars/51af3dc0-da77-11e4-872e"
GIVEN = {
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::Partition": "aws",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "avatars",
    "AWS::StackId": STACK_ID,
}
OWN_ISSUER = {
    "Issuer": "https://login.example.com/realms/a",
    "Audience": "avatars,avatars-machines",
    "PageClient": "avatars-page",
}
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
CONSENTS = {"2": "a17374032f3976bb"}
"""What each version of the text of consent hashes to: who changes the text gives it another."""
CLOUDFRONT = "https://<Distribution.DomainName>"


@cache
def packaged() -> dict[str, Any]:
    return package(ROOT / "template.yaml", lambda content: {"Bucket": "b", "Key": "k"})


def translated(parameters: dict[str, str], layer: str = "k") -> dict[str, Any]:
    """The template as AWS's own translator leaves it to CloudFormation."""
    template = deepcopy(packaged())
    template["Resources"]["PageLayer"]["Properties"]["ContentUri"]["Key"] = layer
    return translate(template, parameters, {})


class Stack:
    """What CloudFormation would make of the template with these parameters.

    What only a made resource knows stands as `<Resource.Attribute>`.
    """

    def __init__(self, region: str = REGION, **parameters: str) -> None:
        self._template = translated(parameters)
        defaults = {name: p["Default"] for name, p in self._template["Parameters"].items()}
        self._values = (
            GIVEN
            | {name: str(value) for name, value in defaults.items()}
            | parameters
            | {"AWS::Region": region}
        )

    def resources(self, kind: str = "") -> dict[str, Any]:
        """The properties of what is made, of one type or of all."""
        return {
            name: self.value(resource.get("Properties", {}))
            for name, resource in self._template["Resources"].items()
            if self._is_made(resource) and resource["Type"].startswith(kind)
        }

    def outputs(self) -> dict[str, Any]:
        return {
            name: self.value(output["Value"])
            for name, output in self._template["Outputs"].items()
            if self._is_made(output)
        }

    def value(self, node: Any) -> Any:
        match node:
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": str(name)}:
                return self._values.get(name, f"<{name}>")
            case {"Fn::GetAtt": [name, attribute]}:
                return f"<{name}.{attribute}>"
            case {"Fn::If": [condition, yes, no]}:
                return self.value(yes if self.holds(condition) else no)
            case {"Fn::Select": [index, of]}:
                return self.value(of)[int(index)]
            case {"Fn::Split": [separator, text]}:
                return self.value(text).split(separator)
            case {"Fn::Sub": [text, more]}:
                return self._filled(text, {name: self.value(value) for name, value in more.items()})
            case {"Fn::Sub": str(text)}:
                return self._filled(text, {})
            case dict():
                values = {key: self.value(value) for key, value in node.items()}
                return {key: value for key, value in values.items() if value is not None}
            case list():
                return [v for v in (self.value(value) for value in node) if v is not None]
        return node

    def holds(self, condition: Any) -> bool:
        match condition:
            case str(name) | {"Condition": str(name)}:
                return self.holds(self._template["Conditions"][name])
            case {"Fn::Not": [other]}:
                return not self.holds(other)
            case {"Fn::And": all_of}:
                return all(map(self.holds, all_of))
            case {"Fn::Equals": [one, other]}:
                return str(self.value(one)) == str(self.value(other))
        raise NotImplementedError(condition)

    def _is_made(self, item: dict[str, Any]) -> bool:
        return "Condition" not in item or self.holds(item["Condition"])

    def _filled(self, text: str, more: dict[str, str]) -> str:
        values = self._values | more
        return re.sub(r"\$\{([\w:.]+)\}", lambda ref: values.get(ref[1], f"<{ref[1]}>"), text)


def policy_of(stack: Stack) -> dict[str, list[str]]:
    """The page's content security policy: sources by directive."""
    config = stack.resources()["PageHeaders"]["ResponseHeadersPolicyConfig"]
    text = config["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    return directives(text)


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in map(str.split, policy.split(";"))}


def allows(sources: list[str], url: str) -> bool:
    """Whether one of the sources is this URL's origin, as a browser would see it."""
    origin = "/".join(url.split("/")[:3])
    return any(
        re.fullmatch(re.escape(source).replace(r"\*", r"[\w.-]+"), origin) for source in sources
    )


def needs(node: Any) -> Iterator[str]:
    """The names that a part of a template refers to."""
    match node:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\$\{(\w+)", text)
        case {"Fn::Sub": [str(text), more]}:
            yield from re.findall(r"\$\{(\w+)", text)
            yield from needs(more)
        case dict():
            for value in node.values():
                yield from needs(value)
        case list():
            for value in node:
                yield from needs(value)


def test_no_resource_needs_itself_in_the_end() -> None:
    resources = translated({})["Resources"]
    waiting = {
        name: set(needs(resource)) & resources.keys() for name, resource in resources.items()
    }

    while ready := [name for name, needed in waiting.items() if not needed & waiting.keys()]:
        for name in ready:
            del waiting[name]

    assert waiting == {}


class TestPolicy:
    def test_nothing_is_allowed_that_is_not_named(self) -> None:
        policy = policy_of(Stack())

        assert policy["default-src"] == ["'none'"]
        assert policy["script-src"] == policy["style-src"] == ["'self'"]
        assert (
            policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == ["'none'"]
        )
        assert "unsafe" not in str(policy)

    @pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
    def test_signed_links_are_where_the_page_may_go(
        self, region: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        policy = policy_of(Stack(region))
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)

        form = AwsStorage("avatars-upload").uploads.form("uploads/a", "image/jpeg", 1, 60)

        assert region in form.url
        assert allows(policy["connect-src"], form.url)
        assert allows(policy["img-src"], form.url)

    def test_the_page_may_call_what_its_configuration_names(self) -> None:
        stack = Stack()
        made = stack.resources()
        config = made["Page"]["Config"]
        sources = policy_of(stack)["connect-src"]

        assert allows(sources, config["api"].replace("<Api>", "a1b2c3"))
        assert allows(
            sources, config["token"].replace("<OwnerPoolDomain>", made["OwnerPoolDomain"]["Domain"])
        )
        assert not allows(sources, "https://example.com/")

    def test_with_an_issuer_of_ones_own_its_host_is_named(self) -> None:
        sources = policy_of(Stack(**OWN_ISSUER))["connect-src"]

        assert sources[-1] == "https://login.example.com"
        assert "cognito" not in str(sources)

    def test_the_front_on_this_machine_has_the_same_headers(self) -> None:
        deployed = policy_of(Stack())
        config = Stack().resources()["PageHeaders"]["ResponseHeadersPolicyConfig"]

        headers = page_headers(ROOT / "template.yaml")

        here = directives(headers["content-security-policy"])
        assert here == {
            name: [source for source in sources if not source.startswith("https://")]
            for name, sources in deployed.items()
        }
        security = {re.sub("(?<=[a-z])(?=[A-Z])", "-", n) for n in config["SecurityHeadersConfig"]}
        assert {name.lower() for name in security} == {
            "content-security-policy", "content-type-options", "frame-options", "referrer-policy",
            "strict-transport-security",
        }  # fmt: skip
        assert headers["x-frame-options"] == "DENY"
        assert headers["permissions-policy"].startswith("camera=(self)")


class TestOrigins:
    @pytest.mark.parametrize(
        ("parameters", "origin"),
        [({}, CLOUDFRONT), ({"PageOrigin": "https://a.example.com"}, "https://a.example.com")],
    )
    def test_only_the_page_may_call_the_api_and_the_buckets(
        self, parameters: dict[str, str], origin: str
    ) -> None:
        stack = Stack(**parameters)
        made = stack.resources()

        cors = made["Api"]["Body"]["x-amazon-apigateway-cors"]
        assert cors["allowOrigins"] == [origin]
        assert set(cors["allowHeaders"]) == {"Authorization", "Content-Type", "Idempotency-Key"}
        for bucket, methods in (("UploadBucket", {"GET", "POST"}), ("AvatarBucket", {"GET"})):
            [rule] = made[bucket]["CorsConfiguration"]["CorsRules"]
            assert rule["AllowedOrigins"] == [origin]
            assert set(rule["AllowedMethods"]) == methods
        client = made["OwnerPoolClient"]
        assert client["CallbackURLs"] == [f"{origin}/", f"http://localhost:{PORT}/"]
        assert client["LogoutURLs"] == [f"{origin}/"]
        assert stack.outputs()["PageUrl"] == f"{origin}/"

    @pytest.mark.parametrize(
        ("origin", "possible"),
        [
            ("", True),
            ("https://avatars.example.com", True),
            ("http://localhost:8080", True),
            ("http://127.0.0.1:8080", True),
            ("https://avatars.example.com/", False),
            ("http://avatars.example.com", False),
            ("http://127x0x0x1:8080", False),
            ("*", False),
        ],
    )
    def test_an_origin_is_an_origin(self, origin: str, possible: bool) -> None:
        pattern = TEMPLATE["Parameters"]["PageOrigin"]["AllowedPattern"]

        assert bool(re.fullmatch(pattern, origin)) == possible


class TestSignIn:
    def authorizer(self, stack: Stack) -> dict[str, Any]:
        schemes = stack.resources()["Api"]["Body"]["components"]["securitySchemes"]
        found: dict[str, Any] = schemes["Owners"]["x-amazon-apigateway-authorizer"]
        return found["jwtConfiguration"]

    def test_people_of_the_stacks_own_pool_may_call_the_api(self) -> None:
        stack = Stack()

        pool = f"https://cognito-idp.{REGION}.amazonaws.com/<OwnerPool>"
        assert self.authorizer(stack) == {"issuer": pool, "audience": ["<OwnerPoolClient>"]}
        assert stack.resources()["Page"]["Config"]["issuer"] == pool
        client = stack.resources()["OwnerPoolClient"]
        assert client["AllowedOAuthFlows"] == ["code"]
        assert "GenerateSecret" not in client

    def test_a_machine_may_once_it_is_paid_for(self) -> None:
        without, stack = Stack(), Stack(MachineClients="1")

        assert self.authorizer(stack)["audience"] == ["<OwnerPoolClient>", "<MachineClient>"]
        client = stack.resources()["MachineClient"]
        assert client["GenerateSecret"] is True
        assert client["AllowedOAuthFlows"] == ["client_credentials"]
        assert {"MachineClient", "MachineScopes"}.isdisjoint(without.resources())
        assert "MachineClient" not in without.outputs()

    def test_with_an_issuer_of_ones_own_there_is_no_pool(self) -> None:
        stack = Stack(**OWN_ISSUER, MachineClients="1")

        assert self.authorizer(stack) == {
            "issuer": "https://login.example.com/realms/a",
            "audience": ["avatars", "avatars-machines"],
        }
        assert stack.resources("AWS::Cognito") == {}
        assert {"OwnerPool", "OwnerPoolClient", "SignInUrl", "MachineClient"}.isdisjoint(
            stack.outputs()
        )
        assert stack.resources()["Page"]["Config"] == {
            "api": f"https://<Api>.execute-api.{REGION}.amazonaws.com",
            "region": REGION,
            "scope": "openid",
            "photo_days": "0",
            "avatar_days": "0",
            "issuer": "https://login.example.com/realms/a",
            "client_id": "avatars-page",
        }

    def test_nothing_that_is_made_needs_what_is_not(self) -> None:
        for parameters in ({}, {"MachineClients": "1"}, OWN_ISSUER):
            stack = Stack(**parameters)
            made, declared = stack.resources(), translated(parameters)["Resources"].keys()
            for part in (made, stack.outputs()):
                mentioned = set(re.findall(r"<(\w+)", str(part)))
                assert mentioned & declared <= made.keys()

    def test_an_issuer_without_an_audience_is_refused(self) -> None:
        rule = TEMPLATE["Rules"]["IssuerAndAudience"]

        assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Issuer"}, ""]}]}
        [needed] = rule["Assertions"]
        assert needed["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Audience"}, ""]}]}


class TestPage:
    def test_another_page_is_another_resource_to_cloudformation(self) -> None:
        one, other = (
            translated({}, layer)["Resources"]["Page"]["Properties"]["Files"] for layer in "ab"
        )

        assert one["Ref"].startswith("PageLayer")
        assert one != other

    def test_only_its_distribution_reads_the_bucket(self) -> None:
        made = Stack().resources()

        statement, denied = made["PageBucketPolicy"]["PolicyDocument"]["Statement"]
        assert (statement["Effect"], denied["Effect"]) == ("Allow", "Deny")
        assert statement["Action"] == "s3:GetObject"
        assert statement["Resource"] == "<PageBucket.Arn>/page/*"
        assert statement["Condition"] == {
            "StringEquals": {
                "AWS:SourceArn": "arn:aws:cloudfront::123456789012:distribution/<Distribution>"
            }
        }
        config = made["Distribution"]["DistributionConfig"]
        [origin] = config["Origins"]
        assert (origin["OriginPath"], origin["OriginAccessControlId"]) == ("/page", "<PageAccess>")
        behavior = config["DefaultCacheBehavior"]
        assert behavior["ViewerProtocolPolicy"] == "redirect-to-https"
        assert behavior["ResponseHeadersPolicyId"] == "<PageHeaders>"


def test_another_text_of_consent_has_another_version() -> None:
    texts = (ROOT / "web/texts/en.js").read_text()

    [text] = re.findall(r'consent: \{[^}]*?text: "([^"]+)"', texts)

    version = TEMPLATE["Parameters"]["ConsentTextVersion"]["Default"]
    assert hashlib.sha256(text.encode()).hexdigest().startswith(CONSENTS[version])
