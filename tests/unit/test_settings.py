"""The environment, checked once."""

import pytest

from avatars.errors import BadManifestError
from avatars.model import Advice, Prompt, Stage, Subject
from avatars.provider.catalog import capabilities
from avatars.schedule import Schedule
from avatars.settings import OwnerLimits, Settings, SpendingLimits
from tests.fakes import ENVIRONMENT

ADVISED = sorted(
    f"{stage}_{name}_SECONDS"
    for stage in ("TRAINING", "INFERENCE")
    for name in ("FIRST_LOOK", "LOOK", "ADVISED", "DEADLINE")
)
"""What is 0 where it is to be as the provider advises."""

NUMBERS = sorted(
    name
    for name in ENVIRONMENT
    if (name.endswith("_SECONDS") and name not in ADVISED)
    or name in ("OWNER_JOBS_PER_DAY", "OWNER_PHOTOS_PER_DAY", "OWNER_OPEN_JOBS")
    or name == "AVATARS_PER_BATCH"
)

OF_SOME = (
    "STATE_MACHINE", "SIGNER_ROLE", "SHARER_ROLE", "PREPARE_FUNCTION", "PACK_FUNCTION",
    "IDEMPOTENCY_TABLE", "PROVIDER_KEY_SECRET",
    "WEBHOOK_URL", "WEBHOOK_SECRET", "WEBHOOK_QUEUE", "DEAD_LETTER_QUEUE",
)  # fmt: skip
"""What only some functions have, or on this machine nobody."""

OF_LOGS = ("POWERTOOLS_SERVICE_NAME", "LOG_KEY")
"""What says how lines are told apart; no step may want to know of it."""


def settings(**changes: str) -> Settings:
    return Settings.from_environment(ENVIRONMENT | changes)


def test_a_whole_environment_gives_settings() -> None:
    found = settings(DEFAULT_SUBJECT="dog", DEFAULT_STYLES="realistic:2, anime")

    assert found.default.subject is Subject.DOG
    assert found.default.prompts == (Prompt("realistic", 2), Prompt("anime", 1))
    assert (found.provider, found.photo_tries) == ("picsart-trained", 3)
    assert found.batch_size == 20


@pytest.mark.parametrize("name", sorted(ENVIRONMENT.keys() - {*OF_SOME, *OF_LOGS}))
def test_a_missing_variable_is_named(name: str) -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != name}

    with pytest.raises(KeyError, match=name):
        Settings.from_environment(environment)


@pytest.mark.parametrize("name", OF_SOME)
def test_what_only_some_functions_have_may_be_missing(name: str) -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != name}

    Settings.from_environment(environment)


@pytest.mark.parametrize("value", ["", "soon", "1.5", "-1", "0"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_none_or_less_than_one_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|must be at least 1"):
        settings(**{name: value})


@pytest.mark.parametrize("value", ["", "soon", "1.5", "-1"])
@pytest.mark.parametrize("name", ADVISED)
def test_a_time_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|must be at least \d+, or 0"):
        settings(**{name: value})


@pytest.mark.parametrize(
    ("name", "least"), [("TRAINING_LOOK_SECONDS", 60), ("INFERENCE_LOOK_SECONDS", 10)]
)
def test_looks_are_not_so_close_that_a_provider_would_refuse_them(name: str, least: int) -> None:
    settings(**{name: str(least)})

    with pytest.raises(ValueError, match=f"{name} is {least - 1}; it must be at least {least}"):
        settings(**{name: str(least - 1)})


def test_a_provider_is_looked_at_as_it_advises_but_for_what_the_settings_say() -> None:
    advice = capabilities("picsart-trained")

    assert settings().schedule(advice, Stage.TRAINING) == Schedule(300, 120, 1200, 3600)
    assert settings().schedule(advice, Stage.INFERENCE) == Schedule(20, 10, 60, 3600)
    changed = settings(TRAINING_LOOK_SECONDS="90", INFERENCE_DEADLINE_SECONDS="600")
    assert changed.schedule(advice, Stage.TRAINING) == Schedule(300, 90, 1200, 3600)
    assert changed.schedule(advice, Stage.INFERENCE) == Schedule(20, 10, 60, 600)


@pytest.mark.parametrize("scale", ["0", "-1", "1.01", "nan"])
def test_a_clock_that_runs_backwards_or_too_slowly_is_refused(scale: str) -> None:
    with pytest.raises(ValueError, match="CLOCK_SCALE"):
        settings(CLOCK_SCALE=scale)


def test_a_subject_that_nobody_draws_is_refused() -> None:
    with pytest.raises(ValueError, match="parrot"):
        settings(DEFAULT_SUBJECT="parrot")


def test_advice_that_rejects_is_a_list_of_codes() -> None:
    assert settings().rejected_advice == frozenset()
    found = settings(REJECTED_ADVICE="blurred, no_face")
    assert found.rejected_advice == {Advice.BLURRED, Advice.NO_FACE}


def test_advice_that_nobody_gives_is_refused() -> None:
    with pytest.raises(ValueError, match="ugly"):
        settings(REJECTED_ADVICE="ugly")


@pytest.mark.parametrize("styles", ["", "realistic:0", "realistic:many", ":4", "realistic:121"])
def test_styles_that_cannot_be_ordered_are_refused(styles: str) -> None:
    with pytest.raises(BadManifestError):
        settings(DEFAULT_STYLES=styles)


def test_an_owner_may_order_so_much_and_no_more() -> None:
    limits = settings(OWNER_JOBS_PER_DAY="3", OWNER_PHOTOS_PER_DAY="45", OWNER_OPEN_JOBS="2")

    assert limits.owner_limits == OwnerLimits(jobs_a_day=3, photos_a_day=45, open_jobs=2)


def test_nothing_is_counted_or_capped_by_default() -> None:
    assert settings().spending == SpendingLimits(0, 0, per_day=0, owner_per_day=0)
    assert not settings().spending.is_priced


@pytest.mark.parametrize("price", ["TRAINING_PRICE", "AVATAR_PRICE"])
def test_one_price_is_enough_for_a_cap(price: str) -> None:
    limits = settings(SPEND_PER_DAY="100", OWNER_SPEND_PER_DAY="50", **{price: "1"}).spending

    assert (limits.per_day, limits.owner_per_day, limits.is_priced) == (100, 50, True)


@pytest.mark.parametrize("cap", ["SPEND_PER_DAY", "OWNER_SPEND_PER_DAY"])
def test_a_cap_without_a_price_would_cap_nothing(cap: str) -> None:
    with pytest.raises(ValueError, match="give the provider's prices"):
        settings(**{cap: "100"})


@pytest.mark.parametrize("value", ["", "soon", "0.5", "-1"])
@pytest.mark.parametrize(
    "name", ["TRAINING_PRICE", "AVATAR_PRICE", "SPEND_PER_DAY", "OWNER_SPEND_PER_DAY"]
)
def test_credits_are_whole_numbers(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|must be at least 0"):
        settings(**{name: value})


@pytest.mark.parametrize(
    ("text", "styles"),
    [
        ("realistic", ("realistic",)),
        ("realistic, pop art ,3d", ("realistic", "pop art", "3d")),
        ("", ()),
        (" , ", ()),
    ],
)
def test_styles_of_the_provider_are_a_list_that_may_be_empty(
    text: str, styles: tuple[str, ...]
) -> None:
    assert settings(PROVIDER_STYLES=text).styles == styles


def test_urls_lose_their_last_slash_and_origins_their_spaces() -> None:
    found = settings(
        PROVIDER_URL="https://provider.test/v1/",
        PROVIDER_RESULT_ORIGINS="*.a.test , http://localhost:8092",
    )

    assert found.connection.url == "https://provider.test/v1"
    assert found.connection.result_origins == ("*.a.test", "http://localhost:8092")
