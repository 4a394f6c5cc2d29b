"""A certificate to sign with, and the root that it can be checked against, made for one test."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM


class Certificate(NamedTuple):
    """What goes into the secret, and what a checker trusts; both in PEM."""

    secret: str
    root: str


def make_certificate(key: Any = None) -> Certificate:
    """A root of our own, and a certificate by it as C2PA wants one (C2PA 2.2, 14.5)."""
    root_key, key = (
        ec.generate_private_key(ec.SECP256R1()),
        key or ec.generate_private_key(ec.SECP256R1()),
    )
    root = _signed("Test root", root_key.public_key(), "Test root", root_key, is_authority=True)
    own = _signed("Test signer", key.public_key(), "Test root", root_key, is_authority=False)
    private = key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = own.public_bytes(PEM) + root.public_bytes(PEM)
    return Certificate((chain + private).decode(), root.public_bytes(PEM).decode())


def _signed(
    name: str, public_key: Any, issuer: str, issuer_key: Any, *, is_authority: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=is_authority, crl_sign=is_authority, **usage
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if not is_authority:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Avatars, in a test"),
        ]
    )
