"""What is wanted of a folder of photos: its `job.json`, and what the other doors ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from avatars.addresses import check_url
from avatars.errors import AddressRefusedError, BadManifestError
from avatars.model import Capabilities, Manifest, Prompt, Subject

if TYPE_CHECKING:
    from avatars.settings import Settings

MAX_PROMPTS = 20
MAX_AVATARS = 120
"""Most avatars of one run: six batches, and far below every limit of Step Functions."""
MAX_PROMPT_LENGTH = 1000
"""Characters of a prompt, and of a negative one."""
MAX_STYLE_LENGTH = 64
MAX_PROMISE = 1000
"""Most photos that a manifest may promise; 30 of them are used."""
MAX_MANIFEST_BYTES = 64 * 1024

MAX_VERSION_LENGTH = 64
"""Characters of what a text of consent goes by."""

VERSION = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_VERSION_LENGTH}}}")

_FIELDS = {"subject", "prompts", "photos", "hold", "webhook", "consent", "provider"}
_CONSENT_FIELDS = {"subject_agrees", "text_version"}
_PROMPT_FIELDS = {"style", "count", "prompt", "negative_prompt"}


def read_manifest(data: bytes, default: Manifest, origins: Collection[str] = ()) -> Manifest:
    """The manifest in the bytes of a `job.json`; what it leaves out comes from *default*. A webhook
    may also be of one of the *origins*.

    Raises BadManifestError, which names the field, the limit and the remedy.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise BadManifestError(f"job.json is larger than {MAX_MANIFEST_BYTES} bytes: shorten it.")
    try:
        # utf-8-sig: editors on Windows begin JSON files with a byte order mark.
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadManifestError(f"job.json is not JSON ({error}): correct it.") from error
    return parse_manifest(content, default, origins)


def write_manifest(manifest: Manifest, photos: int) -> bytes:
    """The `job.json` that asks for the same and promises *photos*."""
    prompts = [
        {name: value for name, value in asdict(prompt).items() if value is not None}
        for prompt in manifest.prompts
    ]
    content: dict[str, Any] = {"subject": manifest.subject, "prompts": prompts, "photos": photos}
    if manifest.hold:
        content["hold"] = True
    if manifest.webhook:
        content["webhook"] = manifest.webhook
    if manifest.consent:
        content["consent"] = {"subject_agrees": True, "text_version": manifest.consent}
    if manifest.provider:
        content["provider"] = manifest.provider
    return json.dumps(content).encode()


def parse_manifest(content: object, default: Manifest, origins: Collection[str] = ()) -> Manifest:
    """The manifest in a decoded JSON document; see `read_manifest`."""
    if not isinstance(content, dict):
        raise BadManifestError("The manifest must be a JSON object.")
    _refuse_unknown("The manifest", content, _FIELDS)
    return Manifest(
        subject=_subject(content["subject"]) if "subject" in content else default.subject,
        prompts=parse_prompts(content["prompts"]) if "prompts" in content else default.prompts,
        photos=_whole_number("photos", content["photos"], MAX_PROMISE)
        if content.get("photos") is not None
        else None,
        hold=_yes_or_no("hold", content.get("hold", False)),
        webhook=parse_webhook(content["webhook"], origins)
        if content.get("webhook") is not None
        else None,
        consent=parse_consent(content["consent"]) if content.get("consent") is not None else None,
        provider=_name(content["provider"]) if content.get("provider") is not None else None,
    )


def parse_consent(content: object) -> str | None:
    """The version of the text that was agreed to, from a decoded JSON object; None where nobody
    agreed. Raises BadManifestError.
    """
    if not isinstance(content, dict):
        raise BadManifestError("consent must be an object with subject_agrees and text_version.")
    _refuse_unknown("consent", content, _CONSENT_FIELDS)
    agrees = _yes_or_no("consent.subject_agrees", content.get("subject_agrees"))
    version = content.get("text_version")
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        raise BadManifestError(
            f"consent.text_version must be 1 to {MAX_VERSION_LENGTH} letters, digits or . _ - that "
            "name the text which whoever is on the photos agreed to."
        )
    return version if agrees else None


def parse_webhook(content: object, origins: Collection[str] = ()) -> str:
    """The address of a webhook: https and public, or of one of the *origins*.

    Raises BadManifestError. What it resolves to is checked when it is called.
    """
    if not isinstance(content, str):
        raise BadManifestError("webhook must be an address that begins with https://.")
    try:
        check_url(content, origins)
    except AddressRefusedError as error:
        raise BadManifestError(f"webhook cannot be called. {error}") from error
    return content


def parse_prompts(content: object) -> tuple[Prompt, ...]:
    """Prompts from a decoded JSON list of objects with `style`, `count` and `prompt`."""
    if not isinstance(content, list) or not 1 <= len(content) <= MAX_PROMPTS:
        raise BadManifestError(f"prompts must be a list of 1 to {MAX_PROMPTS} objects.")
    prompts = tuple(_prompt(item, f"prompts[{index}]") for index, item in enumerate(content))
    if (avatars := sum(prompt.count for prompt in prompts)) > MAX_AVATARS:
        raise BadManifestError(f"{avatars} avatars are asked for, {MAX_AVATARS} are the most.")
    return prompts


def provider_of(settings: Settings, manifest: Manifest) -> str:
    """Who is to make the avatars. Raises BadManifestError for somebody whom a job may not name."""
    provider = manifest.provider or settings.provider
    allowed = sorted({settings.provider, *settings.job_providers})
    if provider not in allowed:
        raise BadManifestError(
            f"There is no provider {provider[:40]!r} here: take one of {', '.join(allowed)}, or "
            "have it added to the parameter JobProviders."
        )
    return provider


def require_possible(
    settings: Settings, capabilities: Capabilities, subject: Subject, prompts: Sequence[Prompt]
) -> None:
    """Raises BadManifestError for what a provider cannot do.

    It would refuse that, too, but perhaps only after a training that is paid for.
    """
    if subject not in capabilities.subjects:
        known = ", ".join(each for each in Subject if each in capabilities.subjects)
        raise BadManifestError(
            f"This provider makes no avatars of a {subject}: take one of {known}, or another "
            "provider."
        )
    if any(prompt.negative_prompt for prompt in prompts) and not capabilities.negative_prompts:
        raise BadManifestError(
            "This provider takes no negative_prompt: leave it out, or take another provider."
        )
    if not capabilities.free_text:
        _require_known_styles(prompts, settings.styles)


def _require_known_styles(prompts: Sequence[Prompt], styles: Sequence[str]) -> None:
    """Without any *styles*, all are taken."""
    unknown = [prompt.style for prompt in prompts if styles and prompt.style not in styles]
    if unknown:
        raise BadManifestError(
            f"There is no style {unknown[0][:40]!r} here: take one of {', '.join(styles)}, or have "
            "it added to the parameter ProviderStyles."
        )


def parse_styles(text: str) -> tuple[Prompt, ...]:
    """Prompts from `STYLE[:COUNT]` separated by commas, as template parameters have them."""
    items = []
    for part in text.split(","):
        style, _, count = part.strip().partition(":")
        if not style or not (count or "1").isdecimal():
            raise BadManifestError(
                f"{part.strip()[:80]!r} is no style: write STYLE or STYLE:COUNT, as in anime:4."
            )
        items.append({"style": style, "count": int(count or "1")})
    return parse_prompts(items)


def _prompt(item: object, name: str) -> Prompt:
    if not isinstance(item, dict):
        raise BadManifestError(f"{name} must be an object with style, count and prompt.")
    _refuse_unknown(name, item, _PROMPT_FIELDS)
    style = item.get("style")
    if not _is_text(style, MAX_STYLE_LENGTH):
        raise BadManifestError(
            f"{name}.style must be a text of 1 to {MAX_STYLE_LENGTH} characters."
        )
    texts = {field: item.get(field) for field in ("prompt", "negative_prompt")}
    for field, text in texts.items():
        if text is not None and not _is_text(text, MAX_PROMPT_LENGTH):
            raise BadManifestError(
                f"{name}.{field} must be a text of 1 to {MAX_PROMPT_LENGTH} characters."
            )
    count = _whole_number(f"{name}.count", item.get("count", 1), MAX_AVATARS)
    return Prompt(style=str(style).strip(), count=count, **texts)


def _is_text(value: object, most: int) -> bool:
    """Whether this is a text that says something and that UTF-8 can carry."""
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise BadManifestError("provider must be the name of one, such as the README lists.")
    return value


def _subject(value: object) -> Subject:
    try:
        return Subject(value)  # type: ignore[arg-type]
    except ValueError as error:
        raise BadManifestError(f"subject must be one of {', '.join(Subject)}.") from error


def _whole_number(name: str, value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise BadManifestError(f"{name} must be a whole number from 1 to {most}.")
    return value


def _yes_or_no(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadManifestError(f"{name} must be true or false.")
    return value


def _refuse_unknown(name: str, item: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(item) - known):
        raise BadManifestError(
            f"{name} has the unknown field {unknown[0][:40]!r}; "
            f"known are {', '.join(sorted(known))}."
        )
