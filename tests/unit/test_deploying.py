"""What a deployment asks, what it tells the SAM CLI, and where the key may go."""

import io
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]
from typer.testing import CliRunner

from avatars.provider.catalog import key_of
from cli.deploying import deployment
from cli.deploying.deployment import deploy, first_answers, parse_settings, template_parameters
from cli.deploying.provider_key import VARIABLE, given_key
from cli.main import app
from cli.saying import RefusedError, UsageError
from cli.teardown.stock import KEPT, WHY, Piece, ways_to_delete
from local.engine import PROJECT

KEY = "a-key-that-nobody-may-see"


class Answers:
    """Somebody who answers from a list, and remembers what was asked."""

    def __init__(self, *answers: str) -> None:
        self.asked: list[str] = []
        self._answers = iter(answers)

    def ask(self, question: str, default: str) -> str:
        self.asked.append(question)
        return next(self._answers) or default

    def ask_secret(self, question: str) -> str:
        return self.ask(question, "")


class Shell:
    """Keeps what would be run."""

    def __init__(self, code: int = 0) -> None:
        self.ran: list[tuple[Sequence[str], Mapping[str, str]]] = []
        self._code = code

    def __call__(self, words: Sequence[str], env: Mapping[str, str]) -> int:
        self.ran.append((words, env))
        return self._code


class TestQuestions:
    def test_only_what_a_person_alone_knows_is_asked(self) -> None:
        person = Answers("you@example.com", "realistic, anime")

        answers = first_answers(person, {})

        assert answers == {"AlarmEmail": "you@example.com", "ProviderStyles": "realistic,anime"}
        assert len(person.asked) == 2
        assert answers.keys() <= template_parameters().keys()

    def test_what_was_said_already_is_not_asked(self) -> None:
        person = Answers("")

        answers = first_answers(person, {"ProviderStyles": "anime"})

        assert answers == {"ProviderStyles": "anime", "AlarmEmail": ""}

    @pytest.mark.parametrize(
        ("setting", "said"),
        [
            ("ProviderStyle=anime", "did you mean ProviderStyles"),
            ("AlarmEmail", "is no NAME=VALUE"),
            ("ClockScale=0.1", "is for stacks on this machine"),
        ],
    )
    def test_a_setting_that_would_do_nothing_or_harm_is_refused(
        self, setting: str, said: str
    ) -> None:
        with pytest.raises(UsageError, match=said):
            parse_settings([setting])

    def test_a_value_may_hold_anything(self) -> None:
        assert parse_settings(["WebhookUrl=https://a.example/?b=c"]) == {
            "WebhookUrl": "https://a.example/?b=c"
        }


class TestSam:
    def test_it_is_told_what_was_named_and_asks_nothing(self) -> None:
        shell = Shell()

        deploy(
            shell, "mine", ["--region", "eu-west-1"], {"AlarmEmail": "", "ProviderStyles": "a,b"}
        )

        ((words, env),) = shell.ran
        assert "--guided" not in words
        assert "--no-confirm-changeset" in words
        overrides = words[words.index("--parameter-overrides") + 1 :]
        assert [shlex.split(each) for each in overrides] == [
            ["AlarmEmail="],
            ["ProviderStyles=a,b"],
        ]
        assert env["SAM_CLI_TELEMETRY"] == "0"

    def test_without_wishes_every_parameter_keeps_its_value(self) -> None:
        shell = Shell()

        deploy(shell, "mine", [], {})

        ((words, _),) = shell.ran
        assert "--parameter-overrides" not in words

    def test_the_key_is_neither_on_its_command_line_nor_in_its_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, KEY)
        shell = Shell()

        deploy(shell, "mine", [], first_answers(Answers("", ""), {}))

        assert KEY not in str(shell.ran)

    def test_a_build_that_fails_deploys_nothing(self) -> None:
        with pytest.raises(RefusedError, match="Nothing was deployed"):
            deployment.build(Shell(code=1))

    def test_a_missing_python_is_told_before_anything_is_built(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        sam = tmp_path / "sam"
        sam.touch()
        monkeypatch.setattr(deployment, "SAM", sam)
        monkeypatch.setattr(deployment, "PROJECT", tmp_path)
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(RefusedError, match=r"needs python3\.13"):
            deployment.require_tools()

    def test_a_shim_that_refuses_to_run_is_no_python(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name in ("sam", "python3.13"):
            (tmp_path / name).write_text("#!/bin/sh\nexit 127\n")
            (tmp_path / name).chmod(0o700)
        monkeypatch.setattr(deployment, "SAM", tmp_path / "sam")
        monkeypatch.setattr(deployment, "PROJECT", tmp_path)
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(RefusedError, match=r"needs python3\.13"):
            deployment.require_tools()


class TestKey:
    def test_it_comes_from_a_file_or_standard_input_or_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv(VARIABLE, raising=False)
        (tmp_path / "key").write_text(f"{KEY}\n")
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))

        assert given_key(tmp_path / "key") == KEY
        assert given_key(Path("-")) == KEY
        assert given_key(None) is None
        monkeypatch.setenv(VARIABLE, KEY)
        assert given_key(None) == KEY

    def test_there_may_be_one_for_each_account(self, tmp_path: Path) -> None:
        keys = json.dumps({"picsart": KEY, "astria": "another"}, indent=1)
        (tmp_path / "keys.json").write_text(f"{keys}\n")

        secret = given_key(tmp_path / "keys.json")

        assert secret is not None
        assert key_of("astria", secret, "picsart") == "another"
        assert key_of("picsart", secret, "picsart") == KEY

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "  \n",
            "two words",
            "two\nlines",
            "schlüssel",
            '{"picsart": "half',
            "{}",
            '{"nobody": "a-key"}',
            '{"picsart": "two words"}',
            '{"picsart": 5}',
            '{"picsart": {"astria": "a-key"}}',
        ],
    )
    def test_what_is_no_key_is_refused_and_not_repeated(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(text)

        with pytest.raises(UsageError) as refused:
            given_key(tmp_path / "key")

        assert not text.strip() or text not in str(refused.value)
        assert "a-key" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["deploy"], "say --yes to deploy"),
        (["deploy", "--yes", "--set", "Nothing=1"], "no parameter Nothing"),
        (["teardown", "--stack", "mine"], "say --yes if the stack is to be deleted"),
        (["doctor", "--live", "--stack", "mine"], "say --yes if --live may use the stack"),
        (["invite", "nobody", "--stack", "mine"], "no address that mail can be sent to"),
    ],
)
def test_what_would_act_without_being_asked_is_wrong_usage(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, words)

    assert done.exit_code == 2
    assert said in done.output


class TestWhatATeardownLeaves:
    def test_the_reason_and_the_commands_are_told_of_all_that_the_template_keeps(self) -> None:
        resources = yaml_parse((PROJECT / "template.yaml").read_text())["Resources"]
        kept = {
            name: resource["Type"]
            for name, resource in resources.items()
            if resource.get("DeletionPolicy") in KEPT
        }

        untold = [name for name in kept if name not in WHY]
        undeletable = [
            name for name, kind in kept.items() if not ways_to_delete(Piece(name, kind, "it"))
        ]

        assert len(kept) == 4
        assert untold == []
        assert undeletable == []

    @pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::Cognito::UserPool"])
    def test_what_is_protected_is_let_go_before_it_is_deleted(self, kind: str) -> None:
        first, then = ways_to_delete(Piece("Kept", kind, "it"))

        assert "deletion-protection" in first
        assert " delete-" in then
