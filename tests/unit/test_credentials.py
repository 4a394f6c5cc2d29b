"""A signed avatar can be checked by whoever trusts its signer, and no other passes for one."""

import io
import json
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from PIL import Image, ImageChops

from avatars import keys
from avatars.errors import NotSignedError
from avatars.marks import TRAINED, mark_file
from avatars.marks.credentials import C2paCredentials
from avatars.model import AvatarStatus
from avatars.pipeline.keeping import keep_avatars
from tests.builders import JOB_ID, a_picture, inferring
from tests.certificates import Certificate, make_certificate
from tests.fakes import FakeServices, answer

KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return make_certificate()


def avatar_file(tmp_path: Path, form: str = "JPEG") -> Path:
    """A picture with the mark, as it is just before it is signed."""
    file = tmp_path / "avatar"
    file.write_bytes(a_picture(1, form))
    mark_file(file)
    return file


def checked(picture: bytes, kind: str, root: str) -> tuple[str, dict[str, Any]]:
    """What a checker that trusts *root* says of the signature, and what is signed."""
    settings = c2pa.Settings.from_dict({"trust": {"user_anchors": root}})
    with c2pa.Context(settings) as context:
        reader = c2pa.Reader(kind, io.BytesIO(picture), context=context)
        manifest = reader.get_active_manifest()
        assert manifest
        return str(reader.get_validation_state()), manifest


@pytest.mark.parametrize(("form", "kind"), KINDS.items())
def test_its_origin_is_signed_and_the_signature_holds(
    tmp_path: Path, certificate: Certificate, form: str, kind: str
) -> None:
    file = avatar_file(tmp_path, form)
    before = Image.open(io.BytesIO(file.read_bytes())).convert("RGB")

    C2paCredentials(certificate.secret).sign(file)

    state, manifest = checked(file.read_bytes(), kind, certificate.root)
    [action] = [
        action
        for assertion in manifest["assertions"]
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]
    assert state == "Trusted"
    assert manifest["signature_info"]["common_name"] == "Test signer"
    assert (action["action"], action["digitalSourceType"]) == ("c2pa.created", TRAINED)
    with Image.open(file) as image:
        described = image.getxmp()["xmpmeta"]["RDF"]["Description"]
        assert TRAINED in json.dumps(described)
        assert ImageChops.difference(image.convert("RGB"), before).getbbox() is None


def test_a_pixel_that_was_changed_afterwards_is_found_out(
    tmp_path: Path, certificate: Certificate
) -> None:
    file = avatar_file(tmp_path)
    C2paCredentials(certificate.secret).sign(file)
    picture = bytearray(file.read_bytes())

    picture[-100] ^= 1

    assert checked(bytes(picture), "image/jpeg", certificate.root)[0] == "Invalid"


def test_who_trusts_somebody_else_does_not_trust_it(
    tmp_path: Path, certificate: Certificate
) -> None:
    file = avatar_file(tmp_path)
    C2paCredentials(certificate.secret).sign(file)

    state, _ = checked(file.read_bytes(), "image/jpeg", make_certificate().root)

    assert state == "Valid"  # whole, by a signer whom nobody vouches for


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(lambda: ec.generate_private_key(ec.SECP384R1()), id="P-384"),
        pytest.param(lambda: rsa.generate_private_key(65537, 2048), id="RSA"),
        pytest.param(ed25519.Ed25519PrivateKey.generate, id="Ed25519"),
    ],
)
def test_the_usual_kinds_of_keys_sign(tmp_path: Path, key: Any) -> None:
    certificate, file = make_certificate(key()), avatar_file(tmp_path)

    C2paCredentials(certificate.secret).sign(file)

    assert checked(file.read_bytes(), "image/jpeg", certificate.root)[0] == "Trusted"


def test_a_key_that_c2pa_does_not_take_is_named() -> None:
    certificate = make_certificate(ec.generate_private_key(ec.SECP256K1()))

    with pytest.raises(NotSignedError, match="must be RSA"):
        C2paCredentials(certificate.secret)


@pytest.mark.parametrize("secret", ["", "hunter2", "-----BEGIN PRIVATE KEY-----"])
def test_a_secret_that_is_no_certificate_is_not_repeated(secret: str) -> None:
    with pytest.raises(NotSignedError) as trouble:
        C2paCredentials(secret)

    assert "hunter2" not in str(trouble.value)


def test_a_key_of_another_certificate_signs_nothing_and_leaves_the_file(
    tmp_path: Path, certificate: Certificate
) -> None:
    file = avatar_file(tmp_path)
    before = file.read_bytes()
    other = make_certificate()
    mixed = certificate.secret.split("-----BEGIN PRIVATE")[0] + other.secret[-300:]

    with pytest.raises(NotSignedError):
        C2paCredentials(mixed).sign(file)

    assert file.read_bytes() == before


class TestKept:
    def kept(self, services: FakeServices) -> tuple[Any, bytes]:
        inferring(services)
        link = "https://cdn.results.test/1.jpg"
        result = answer(200, {"status": "DONE", "urls": [link] * 1})
        services.answers.keep(JOB_ID, keys.result_answer(1, 0), result)
        services.downloads.pictures = {link: a_picture(1)}
        keep_avatars(services, JOB_ID, 1, 0)
        avatar = services.jobs.avatars(JOB_ID, 1)[0]
        return avatar, services.avatar_bucket.read(avatar.key or "") or b""

    def test_with_a_certificate_what_is_kept_is_signed(
        self, services: FakeServices, certificate: Certificate
    ) -> None:
        services.certificate = certificate.secret

        avatar, data = self.kept(services)

        assert (avatar.signed, avatar.bytes) == (True, len(data))
        assert checked(data, "image/jpeg", certificate.root)[0] == "Trusted"

    def test_with_a_bad_one_it_is_kept_and_marked_all_the_same(
        self, services: FakeServices
    ) -> None:
        services.certificate = "no certificate"

        avatar, data = self.kept(services)

        assert (avatar.status, avatar.signed) == (AvatarStatus.KEPT, False)
        assert TRAINED.encode() in data

    def test_without_one_nothing_is_signed(self, services: FakeServices) -> None:
        avatar, data = self.kept(services)

        assert not avatar.signed
        assert b"c2pa" not in data
