"""Who trains and draws, by name: the one place that knows the providers' names.

Each figure has its source: *documented* by the vendor, *seen* in public code that works, or a
*guess*, with the reason. docs/providers.md says more.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from avatars.errors import NotSentError
from avatars.model import MAX_PHOTOS, Capabilities, Subject
from avatars.schedule import Schedule

if TYPE_CHECKING:
    from avatars.ports import Provider, ProviderReader
    from avatars.settings import ProviderSettings

_DAY = 86_400

_DRAWING = Schedule(first=20, every=10, advised=60, deadline=3600)
"""First look and rhythm are Picsart's for both of its products (AI Avatars 101, documented). It
says "about 20 seconds"; that 60 are still in order, and an hour is not, is a guess."""

CAPABILITIES: Mapping[str, Capabilities] = MappingProxyType(
    {
        "picsart-trained": Capabilities(
            account="picsart",
            trains=True,
            least_photos=5,  # documented: AI Avatars 101
            most_photos=MAX_PHOTOS,  # documented: 30, AI Avatars 101
            photos_at_once=None,
            subjects=frozenset(Subject),  # documented: `type`; couples and pets are deprecated
            free_text=False,  # documented: styles by name
            negative_prompts=False,  # nobody says so
            prompts_at_once=True,  # documented: `prompts` is a list
            avatars_at_once=None,  # nobody says
            avatar_pixels=512,  # documented
            link_seconds=2 * _DAY,  # documented: 48 hours
            model_seconds=None,  # nobody says
            # Documented: first after 5 minutes, then every 2; "up to 20 minutes". The hour is ours.
            training=Schedule(first=300, every=120, advised=1200, deadline=3600),
            inference=_DRAWING,
            finds_requests=False,  # documented: the service keeps no list
        ),
        "picsart-instant": Capabilities(
            account="picsart",
            trains=False,  # documented
            least_photos=1,
            most_photos=MAX_PHOTOS,  # ours: the others are in reserve
            photos_at_once=1,  # documented: "only one image"
            # Documented: man and woman; couples are deprecated, pets are not supported.
            subjects=frozenset({Subject.MAN, Subject.WOMAN}),
            free_text=True,  # documented
            negative_prompts=True,  # seen
            prompts_at_once=False,  # seen: one `prompt`
            avatars_at_once=10,  # a guess: that of the vendor's Text2Image
            avatar_pixels=2048,  # documented
            link_seconds=2 * _DAY,  # documented: 48 hours
            model_seconds=None,  # there is none
            training=_DRAWING,  # there is none
            inference=_DRAWING,
            finds_requests=False,
        ),
        "astria": Capabilities(
            account="astria",
            trains=True,
            least_photos=4,  # what all examples of the documentation have; no limit is told
            most_photos=MAX_PHOTOS,  # ours: no limit is told
            photos_at_once=None,
            # Documented: class words man, woman, cat, dog ("Create a tune"), couple ("FAQ").
            subjects=frozenset(Subject),
            free_text=True,  # documented
            negative_prompts=True,  # documented
            prompts_at_once=False,  # documented: POST /tunes/:id/prompts
            avatars_at_once=8,  # documented: `num_images` 1 to 8
            avatar_pixels=512,  # what we ask for: `w` and `h`
            # Documented: model and images are deleted 30 days after the training has ended, so
            # those of a later order have less.
            link_seconds=30 * _DAY,
            model_seconds=30 * _DAY,
            # No advice but callbacks. Seen: an `eta` of ten minutes, of which five were taken.
            training=Schedule(first=120, every=60, advised=600, deadline=3600),
            inference=_DRAWING,  # a guess
            finds_requests=True,  # documented: lists, the newest first
        ),
    }
)
"""What each provider can do."""


def capabilities(name: str) -> Capabilities:
    """Raises KeyError where there is no such provider."""
    return CAPABILITIES[name]


def reader(name: str) -> "ProviderReader":
    """What understands the provider's answers. Raises KeyError."""
    match name:
        case "picsart-trained" | "picsart-instant":
            from avatars.provider.picsart_reader import PicsartReader

            return PicsartReader()
        case "astria":
            from avatars.provider.astria_reader import AstriaReader

            return AstriaReader()
    raise KeyError(name)


def connect(name: str, settings: "ProviderSettings", key: str, http: Any) -> "Provider":
    """The provider itself; *http* is a client as `calls.http_client` makes it. Raises KeyError."""
    match name:
        case "picsart-trained":
            from avatars.provider.picsart import PicsartProvider

            return PicsartProvider(settings, key, http)
        case "picsart-instant":
            from avatars.provider.picsart_instant import PicsartInstantProvider

            return PicsartInstantProvider(settings, key, http)
        case "astria":
            from avatars.provider.astria import AstriaProvider

            return AstriaProvider(settings, key, http)
    raise KeyError(name)


def key_of(account: str, secret: str, default_account: str) -> str:
    """The key of an account, of a secret that holds one key, or a JSON object of keys by account.

    One key alone is that of *default_account*. Raises NotSentError, without any part of the secret.
    """
    remedy = f'Put {{"{account}": "..."}} into it, with the keys of all accounts that are used.'
    key = _keys(secret, default_account).get(account)
    if key is None:
        raise NotSentError(f"The secret of the provider's key has none for {account}. {remedy}")
    key = key.strip() if isinstance(key, str) else ""
    if not (key.isascii() and key.isprintable() and key):
        raise NotSentError(
            f"What the secret of the provider's key has for {account} is no key that can be sent. "
            f"{remedy}"
        )
    return key


def _keys(secret: str, default_account: str) -> Mapping[str, object]:
    try:
        keys = json.loads(secret)
    except (ValueError, RecursionError):
        keys = None
    return keys if isinstance(keys, dict) else {default_account: secret}
