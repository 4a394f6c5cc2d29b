"""What the gates make of findings, and of policies before they hand them on."""

from pathlib import Path
from typing import Any

import pytest
from samtranslator.model.exceptions import (  # type: ignore[import-untyped]
    InvalidDocumentException,
)

from gates.documents import UnknownReferenceError, documents
from gates.finding import (
    Acknowledgement,
    Finding,
    GateError,
    acknowledgements,
    complaints,
    report,
)
from local.expand import expand

ROOT = Path(__file__).parents[2]

FINDING = Finding("RULE", "JobsTable", "It is open.")


def template(statement: dict[str, Any]) -> dict[str, Any]:
    return {
        "Resources": {
            "Jobs": {"Type": "AWS::DynamoDB::Table"},
            "Policy": {
                "Type": "AWS::IAM::Policy",
                "Properties": {"PolicyDocument": {"Statement": [statement]}},
            },
        }
    }


class TestAcknowledging:
    def test_a_finding_is_something_to_mend(self) -> None:
        lines, known = complaints([FINDING], [])

        assert lines == ["JobsTable: RULE: It is open."]
        assert known == 0

    def test_unless_somebody_has_acknowledged_it(self) -> None:
        acknowledged = [Acknowledgement("RULE", ("*Table",), "So it shall be.")]

        assert complaints([FINDING], acknowledged) == ([], 1)

    @pytest.mark.parametrize(("rule", "resource"), [("OTHER", "JobsTable"), ("RULE", "Jobs")])
    def test_of_this_rule_and_this_resource(self, rule: str, resource: str) -> None:
        lines, _ = complaints([FINDING], [Acknowledgement(rule, (resource,), "For another.")])

        assert "JobsTable: RULE: It is open." in lines

    def test_what_is_acknowledged_and_no_longer_found_is_something_to_mend_too(self) -> None:
        acknowledged = [Acknowledgement("RULE", ("JobsTable", "OldTable"), "So it shall be.")]

        [line] = complaints([FINDING], acknowledged)[0]

        assert "RULE on OldTable" in line

    @pytest.mark.parametrize(
        "entry", ["{where: [A]}", "{where: [], because: x}", "{where: [A], because: ''}"]
    )
    def test_without_a_reason_nothing_is_acknowledged(self, tmp_path: Path, entry: str) -> None:
        file = tmp_path / "acknowledged.yaml"
        file.write_text(f"checkov:\n  RULE: [{entry}]\n")

        with pytest.raises(GateError, match="because"):
            acknowledgements("checkov", file)

    @pytest.mark.parametrize("gate", ["checkov", "cdk-nag", "parliament"])
    def test_ours_have_reasons(self, gate: str) -> None:
        assert all(each.because.endswith(".") for each in acknowledgements(gate))

    def test_a_gate_that_misses_what_was_planted_has_not_looked(self) -> None:
        with pytest.raises(GateError, match="has not looked"):
            report("statelint", "29 states", [], [FINDING], "ASL")

    def test_nothing_to_mend_is_a_success_and_something_is_none(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = [FINDING]

        assert report("statelint", "29 states", [], found, "RULE") == 0
        assert report("statelint", "29 states", found, found, "RULE") == 1
        assert "JobsTable: RULE: It is open." in capsys.readouterr().err


class TestDocuments:
    def test_every_policy_of_the_template_is_read_with_plain_arns(self) -> None:
        read = list(documents(expand(ROOT / "template.yaml")))

        assert len(read) > 60
        assert not any("Fn::" in str(document) or "'Ref'" in str(document) for *_, document in read)

    def test_it_is_read_under_every_condition_and_under_none(self) -> None:
        other = {"Ref": "AWS::NoValue"}
        arn = {"Fn::GetAtt": ["Jobs", "Arn"]}
        statement = {"Action": "dynamodb:GetItem", "Resource": [{"Fn::If": ["A", arn, other]}]}

        read = [
            document["Statement"][0]["Resource"] for *_, document in documents(template(statement))
        ]

        assert read == [["arn:aws:dynamodb:eu-west-1:123456789012:table/jobs"], []]

    def test_what_it_cannot_read_is_an_error_and_no_gap(self) -> None:
        statement = {"Action": "kms:Decrypt", "Resource": {"Ref": "SomebodyElsesKey"}}

        with pytest.raises(UnknownReferenceError, match="SomebodyElsesKey"):
            list(documents(template(statement)))


def test_a_template_without_resources_is_not_expanded(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_text("Transform: AWS::Serverless-2016-10-31\nResources: {}\n")

    with pytest.raises(InvalidDocumentException, match="Resources"):
        expand(file)


def test_the_expanded_template_has_its_state_machine_in_it() -> None:
    machine = expand(ROOT / "template.yaml")["Resources"]["MakeAvatars"]["Properties"]

    assert '"Begin run"' in machine["DefinitionString"]
    assert "DefinitionS3Location" not in machine
