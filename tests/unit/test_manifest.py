"""What people write into `job.json`, rightly and wrongly."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.errors import BadManifestError
from avatars.manifest import (
    parse_manifest,
    parse_styles,
    provider_of,
    read_manifest,
    require_possible,
    write_manifest,
)
from avatars.model import Manifest, Prompt, Subject
from avatars.provider.catalog import capabilities
from avatars.settings import Settings
from tests.fakes import ENVIRONMENT
from tests.fakes.services import ASTRIA, INSTANT, PICSART

DEFAULT = Manifest(Subject.WOMAN, (Prompt("realistic", 4),))

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
almost_manifests = st.fixed_dictionaries(
    {},
    optional={
        "subject": documents | st.sampled_from(Subject),
        "photos": documents | st.integers(-1, 1001),
        "hold": documents | st.booleans(),
        "webhook": documents | st.text().map("https://{}".format),
        "prompts": documents
        | st.lists(
            st.fixed_dictionaries(
                {"style": documents | st.text()},
                optional={"count": documents | st.integers(0, 121), "prompt": documents},
            )
        ),
    },
)


def read(content: object) -> Manifest:
    return read_manifest(json.dumps(content).encode(), DEFAULT)


class TestGood:
    def test_everything_can_be_said(self) -> None:
        manifest = read(
            {
                "subject": "couple",
                "prompts": [{"style": " anime ", "count": 2, "prompt": "at sea"}, {"style": "3d"}],
                "photos": 12,
                "hold": True,
            }
        )

        assert manifest == Manifest(
            Subject.COUPLE, (Prompt("anime", 2, "at sea"), Prompt("3d", 1)), 12, hold=True
        )

    @pytest.mark.parametrize("content", [{}, {"photos": None}])
    def test_what_is_left_out_comes_from_the_template(self, content: object) -> None:
        assert read(content) == DEFAULT

    def test_a_webhook_is_an_address(self) -> None:
        manifest = read({"webhook": "https://example.com/hooks?token=5ec2e7"})

        assert manifest.webhook == "https://example.com/hooks?token=5ec2e7"
        assert "5ec2e7" not in repr(manifest)

    def test_a_webhook_may_be_of_an_origin_that_is_allowed(self) -> None:
        data = b'{"webhook": "http://127.0.0.1:8092/hooks"}'

        manifest = read_manifest(data, DEFAULT, ["http://127.0.0.1:8092"])

        assert manifest.webhook == "http://127.0.0.1:8092/hooks"

    def test_what_is_written_is_read_again(self) -> None:
        manifest = Manifest(
            Subject.CAT, (Prompt("anime", 2),), photos=5, webhook="https://example.com/hooks"
        )

        assert read_manifest(write_manifest(manifest, 5), DEFAULT) == manifest

    def test_an_editor_may_begin_it_with_a_byte_order_mark(self) -> None:
        data = b'\xef\xbb\xbf{"subject": "cat"}'

        assert read_manifest(data, DEFAULT).subject is Subject.CAT

    def test_styles_of_the_template_are_written_shorter(self) -> None:
        assert parse_styles("realistic:4, anime") == (Prompt("realistic", 4), Prompt("anime", 1))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "must be a JSON object"),
        (
            {"subjekt": "cat"},
            "unknown field 'subjekt'; known are consent, hold, photos, prompts, provider",
        ),
        ({"webhook": ["https://example.com"]}, "webhook must be an address"),
        ({"webhook": ""}, "webhook cannot be called. It must begin with https://"),
        ({"webhook": "http://127.0.0.1:8092/hooks"}, "must begin with https://"),
        ({"webhook": "https://example.com:8443/"}, "names port 8443: only 443"),
        ({"webhook": "https://a:b@example.com/"}, "credentials: leave them out"),
        ({"webhook": "https://\ud800.test/"}, "control characters"),
        ({"subject": "parrot"}, "man, woman, couple, dog, cat"),
        ({"subject": ["cat"]}, "man, woman, couple, dog, cat"),
        ({"subject": None}, "man, woman, couple, dog, cat"),
        ({"photos": 0}, "photos must be a whole number from 1 to 1000"),
        ({"photos": 1001}, "from 1 to 1000"),
        ({"photos": "12"}, "whole number"),
        ({"photos": True}, "whole number"),
        ({"photos": 5.0}, "whole number"),
        ({"hold": 1}, "hold must be true or false"),
        ({"hold": "yes"}, "hold must be true or false"),
        ({"hold": None}, "hold must be true or false"),
        ({"prompts": []}, "1 to 20 objects"),
        ({"prompts": {"style": "anime"}}, "1 to 20 objects"),
        ({"prompts": [{"style": "a"}] * 21}, "1 to 20 objects"),
        ({"prompts": ["anime"]}, r"prompts\[0\] must be an object"),
        ({"prompts": [{"style": "a"}, {}]}, r"prompts\[1\]\.style"),
        ({"prompts": [{"style": " "}]}, "1 to 64 characters"),
        ({"prompts": [{"style": "a" * 65}]}, "1 to 64 characters"),
        ({"prompts": [{"style": "\ud800"}]}, "style"),
        ({"prompts": [{"style": "a", "prompt": "\udfff"}]}, "prompt"),
        ({"prompts": [{"style": "a", "prompt": ""}]}, "1 to 1000 characters"),
        ({"prompts": [{"style": "a", "prompt": "b" * 1001}]}, "1 to 1000 characters"),
        ({"prompts": [{"style": "a", "count": 0}]}, r"prompts\[0\]\.count must be .* 1 to 120"),
        ({"prompts": [{"style": "a", "counts": 2}]}, "unknown field 'counts'"),
        ({"prompts": [{"style": "a", "count": 61}] * 2}, "122 avatars are asked for, 120"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_its_limit(content: object, words: str) -> None:
    with pytest.raises(BadManifestError, match=words):
        read(content)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{oops", id="no JSON"),
        pytest.param('{"subject": "cat"}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b"\xff\xd8\xff\xe0", id="a photo"),
        pytest.param(b"[" * 60_000, id="nested without end"),
        pytest.param(b"1" * 60_000, id="a number without end"),
        pytest.param(b" " * 65_537, id="too large"),
    ],
)
def test_a_file_that_is_no_json_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(BadManifestError, match=r"job\.json"):
        read_manifest(data, DEFAULT)


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    manifest_or_refusal(lambda: read_manifest(data, DEFAULT))


@given(documents | almost_manifests)
def test_any_document_is_read_or_refused_and_what_is_read_can_be_stored(content: Any) -> None:
    manifest = manifest_or_refusal(lambda: parse_manifest(content, DEFAULT))

    if manifest:
        assert 1 <= sum(prompt.count for prompt in manifest.prompts) <= 120
        assert all(prompt.count >= 1 for prompt in manifest.prompts)
        repr(manifest).encode()


@given(almost_manifests, st.integers(1, 1000))
def test_what_is_written_is_read_as_it_was_meant(content: Any, photos: int) -> None:
    manifest = manifest_or_refusal(lambda: parse_manifest(content, DEFAULT))

    if manifest:
        written = write_manifest(manifest, photos)

        assert read_manifest(written, DEFAULT) == replace(manifest, photos=photos)


def require(
    prompts: Sequence[Prompt],
    *styles: str,
    provider: str = PICSART,
    subject: Subject = Subject.WOMAN,
) -> None:
    """What a provider can, on a stack whose provider draws those styles."""
    settings = replace(Settings.from_environment(ENVIRONMENT), styles=styles)
    require_possible(settings, capabilities(provider), subject, prompts)


class TestStyles:
    def test_those_that_the_provider_draws_are_taken(self) -> None:
        require([Prompt("anime"), Prompt("pop art", 2)], "anime", "pop art")

    def test_where_nobody_has_said_which_those_are_all_are_taken(self) -> None:
        require([Prompt("whatever")])

    def test_any_other_is_refused_with_those_that_there_are(self) -> None:
        prompts = [Prompt("anime"), Prompt("Anime")]

        with pytest.raises(BadManifestError, match="no style 'Anime' here: take one of anime, 3d"):
            require(prompts, "anime", "3d")

    def test_a_long_one_is_cut(self) -> None:
        with pytest.raises(BadManifestError) as refused:
            require([Prompt("x" * 64)], "anime")

        assert "x" * 40 in str(refused.value)
        assert "x" * 41 not in str(refused.value)

    def test_who_takes_words_draws_any(self) -> None:
        require([Prompt("by moonlight")], "anime", provider=INSTANT)


class TestProviders:
    def test_a_job_may_name_one_of_those_that_the_stack_has(self) -> None:
        settings = Settings.from_environment(ENVIRONMENT)

        assert provider_of(settings, replace(DEFAULT, provider=INSTANT)) == INSTANT
        assert provider_of(settings, DEFAULT) == PICSART

    def test_any_other_is_refused_with_those_that_there_are(self) -> None:
        settings = Settings.from_environment(
            ENVIRONMENT | {"JOB_PROVIDERS": "", "PROVIDER": ASTRIA}
        )

        with pytest.raises(
            BadManifestError, match=r"no provider 'picsart-trained' here: .* astria"
        ):
            provider_of(settings, replace(DEFAULT, provider=PICSART))

    @pytest.mark.parametrize("name", ["", 7, ["astria"], {}])
    def test_what_is_no_name_is_refused(self, name: object) -> None:
        with pytest.raises(BadManifestError, match="provider must be the name of one"):
            parse_manifest({"provider": name}, DEFAULT)

    def test_a_subject_that_it_does_not_know_is_refused(self) -> None:
        with pytest.raises(BadManifestError, match="no avatars of a dog: take one of man, woman"):
            require([Prompt("anime")], provider=INSTANT, subject=Subject.DOG)

    def test_a_negative_prompt_is_for_who_takes_it(self) -> None:
        prompts = [Prompt("realistic", negative_prompt="hats")]
        require(prompts, provider=INSTANT)

        with pytest.raises(BadManifestError, match="takes no negative_prompt: leave it out"):
            require(prompts)


def manifest_or_refusal(read: Callable[[], Manifest]) -> Manifest | None:
    """Anything else that is raised fails the test."""
    try:
        return read()
    except BadManifestError:
        return None
