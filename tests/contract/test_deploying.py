"""Where a deployment goes, and whether it can: told before anything is built."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from cli.deploying.place import (
    Place,
    Standing,
    find_place,
    names_region,
    require_deployable,
)
from cli.saying import RefusedError
from tests.contract.conftest import REGION

STACK = "mine"


@pytest.fixture
def place(aws: None) -> Place:
    return find_place(None, REGION)


def said(refused: pytest.ExceptionInfo[RefusedError]) -> str:
    return str(refused.value)


def a_stack(status: str, **outputs: str) -> Standing:
    return Standing("an-id", status, outputs, protected=False)


class TestPlace:
    def test_it_is_the_account_and_the_region_of_the_environment(self, place: Place) -> None:
        assert (place.account, place.region) == ("123456789012", REGION)
        assert place.options == ["--region", REGION]

    def test_without_a_region_one_is_asked_for(
        self, aws: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

        assert not names_region(None)
        with pytest.raises(RefusedError, match="No region is set"):
            find_place(None, None)

    def test_a_profile_that_there_is_not_is_named(self, aws: None) -> None:
        with pytest.raises(RefusedError, match="nobodys"):
            find_place("nobodys", REGION)

    @pytest.mark.parametrize(
        "error",
        [
            NoCredentialsError(),
            ClientError({"Error": {"Code": "ExpiredToken"}}, "GetCallerIdentity"),
            ClientError({"Error": {"Code": "InvalidClientTokenId"}}, "GetCallerIdentity"),
        ],
    )
    def test_whoever_aws_does_not_know_is_told_how_to_sign_in(
        self, aws: None, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refuse)

        with pytest.raises(RefusedError) as refused:
            find_place(None, REGION)

        assert "aws login" in said(refused)

    def test_a_region_that_cannot_be_reached_is_taken_for_misspelt(
        self, aws: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise EndpointConnectionError(endpoint_url="https://sts.eu-centrl-1.amazonaws.com")

        monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refuse)

        with pytest.raises(RefusedError) as refused:
            find_place(None, "eu-centrl-1")

        assert "eu-central-1" in said(refused)


class TestStanding:
    @pytest.mark.parametrize("now", [None, a_stack("REVIEW_IN_PROGRESS")])
    def test_a_name_that_nobody_has_is_fine(self, place: Place, now: Standing | None) -> None:
        require_deployable(place, STACK, now)

    def test_a_stack_of_ours_is_fine(self, place: Place) -> None:
        require_deployable(
            place, STACK, a_stack("UPDATE_COMPLETE", JobsTable="jobs", StateMachine="arn")
        )

    @pytest.mark.parametrize(
        ("now", "remedy"),
        [
            (a_stack("ROLLBACK_COMPLETE"), "avatars teardown --stack mine"),
            (a_stack("DELETE_FAILED"), "avatars teardown --stack mine"),
            (a_stack("UPDATE_IN_PROGRESS"), "Wait until that is over"),
            (a_stack("UPDATE_ROLLBACK_FAILED"), "continue-update-rollback"),
            (a_stack("CREATE_COMPLETE", Website="https://x"), "Give another name"),
        ],
    )
    def test_a_stack_that_takes_no_change_comes_with_the_way_out(
        self, place: Place, now: Standing, remedy: str
    ) -> None:
        with pytest.raises(RefusedError, match=remedy):
            require_deployable(place, STACK, now)
