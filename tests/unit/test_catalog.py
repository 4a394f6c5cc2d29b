"""Who trains and draws, by name, and whose key that takes."""

import subprocess
import sys

import httpx
import pytest

from avatars.errors import NotSentError
from avatars.model import MAX_PHOTOS
from avatars.provider import catalog
from avatars.settings import FIELDS, ProviderSettings

NAMES = list(catalog.CAPABILITIES)
CONNECTION = ProviderSettings(
    url="https://provider.test",
    status_url="https://provider.test",
    fields={name: name for name in FIELDS},
    result_origins=(),
    astria_url="https://astria.test",
    astria_branch="",
)


@pytest.mark.parametrize("name", NAMES)
def test_each_has_an_adapter_and_a_reader(name: str) -> None:
    with httpx.Client() as http:
        assert catalog.connect(name, CONNECTION, "a-key", http)
    assert catalog.reader(name)


def test_nobody_else_has() -> None:
    with pytest.raises(KeyError):
        catalog.capabilities("picsart")
    with pytest.raises(KeyError):
        catalog.reader("picsart")
    with pytest.raises(KeyError):
        catalog.connect("picsart", CONNECTION, "a-key", None)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_can_do_fits_together(name: str) -> None:
    can = catalog.capabilities(name)

    assert 1 <= can.least_photos <= can.most_photos <= MAX_PHOTOS
    assert can.subjects
    assert can.prompts_at_once or can.avatars_at_once is not None
    assert can.inference.every >= 10
    if can.trains:
        assert can.photos_at_once is None
        assert can.training.every >= 60
    else:
        assert can.photos_at_once == 1
        assert can.model_seconds is None


@pytest.mark.parametrize("name", NAMES)
def test_a_key_does_not_show_where_an_adapter_is_printed(name: str) -> None:
    assert "a-key" not in repr(catalog.connect(name, CONNECTION, "a-key", None))


def test_knowing_them_takes_no_client() -> None:
    program = (
        "import sys; from avatars.provider import catalog; "
        "[catalog.reader(name) for name in catalog.CAPABILITIES]; "
        "sys.exit('httpx' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


class TestKeys:
    def test_one_key_alone_is_that_of_the_stacks_own_provider(self) -> None:
        assert catalog.key_of("picsart", " a-key\n", "picsart") == "a-key"

    def test_several_go_by_their_accounts(self) -> None:
        secret = '{"picsart": "a-key", "astria": "sd_another"}'

        assert catalog.key_of("picsart", secret, "picsart") == "a-key"
        assert catalog.key_of("astria", secret, "picsart") == "sd_another"

    @pytest.mark.parametrize("secret", ["a-secret-key", '{"picsart": "a-secret-key"}'])
    def test_one_that_is_not_there_is_named_with_what_to_do(self, secret: str) -> None:
        with pytest.raises(NotSentError, match=r'none for astria.*"astria": "\.\.\."') as missing:
            catalog.key_of("astria", secret, "picsart")

        assert "a-secret-key" not in str(missing.value)

    @pytest.mark.parametrize(
        "secret", ["", " \n", "a\nkey", "k\u00e9y", '{"picsart": 7}', '{"picsart": ""}']
    )
    def test_what_cannot_be_sent_is_no_key(self, secret: str) -> None:
        with pytest.raises(NotSentError, match="no key that can be sent"):
            catalog.key_of("picsart", secret, "picsart")
