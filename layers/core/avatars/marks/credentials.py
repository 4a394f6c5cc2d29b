"""Sign what the file of an avatar says of its origin, so that others can check it (C2PA)."""

import io
import re
from pathlib import Path
from typing import Any

import c2pa
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from avatars.errors import NotSignedError
from avatars.marks import TRAINED, form_of

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)
_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
)

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
"""What C2PA calls a signature with a key on that curve (C2PA 2.2, 13.2)."""

_MANIFEST = {
    "claim_generator_info": [{"name": "Avatars"}],
    "assertions": [
        {
            "label": "c2pa.actions.v2",
            "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": TRAINED}]},
        }
    ],
}

_SETTINGS = {
    # A face in small is one more place to find it in.
    "builder": {"thumbnail": {"enabled": False}},
    # Nothing is fetched: what a file names may be anybody's address.
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


class C2paCredentials:
    """Signs with the key and the chain of certificates in one PEM text, the signer's own first.

    Raises NotSignedError where that is none; nothing of it stands in the message.
    """

    def __init__(self, pem: str) -> None:
        key, self._chain = _KEY.search(pem), "".join(_CERTIFICATE.findall(pem))
        if not (key and self._chain):
            raise NotSignedError("The secret needs a private key and its certificates, all in PEM.")
        try:
            loaded = serialization.load_pem_private_key(key[0].encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise NotSignedError("The private key in the secret cannot be read.") from error
        self._algorithm = _algorithm(loaded)
        self._key = loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, file: Path) -> None:
        picture, signed = file.read_bytes(), io.BytesIO()
        info = c2pa.C2paSignerInfo(self._algorithm, self._chain.encode(), self._key, None)
        try:
            with (
                c2pa.Context(c2pa.Settings.from_dict(_SETTINGS)) as context,
                c2pa.Signer.from_info(info) as signer,
                c2pa.Builder(_MANIFEST, context=context) as builder,
            ):
                builder.sign(signer, form_of(picture).CONTENT_TYPE, io.BytesIO(picture), signed)
        except (c2pa.C2paError, ValueError) as error:
            raise NotSignedError(f"It could not be signed ({type(error).__name__}).") from error
        file.write_bytes(signed.getvalue())


def _algorithm(key: Any) -> str:
    """Raises NotSignedError for a kind of key that C2PA does not take."""
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, RSAPrivateKey):
        return "ps256"
    raise NotSignedError("The private key must be RSA, Ed25519, or EC on P-256, P-384 or P-521.")
