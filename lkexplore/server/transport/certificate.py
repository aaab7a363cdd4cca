"""The server's own certificate, and the DTLS settings that go with it.

References
----------
RFC 8827 (WebRTC security), section 6.5: P-256, DTLS 1.2 and the cipher suites.
RFC 8122: fingerprints of certificates in SDP.
"""

from __future__ import annotations

import datetime
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from .srtp import PROFILES

FINGERPRINT_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha-512": hashes.SHA512(),
    "sha-384": hashes.SHA384(),
    "sha-256": hashes.SHA256(),
}
"""Hashes accepted in a remote fingerprint, strongest first."""

CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384"
)
"""Cipher suites in OpenSSL's names, preferred first; the first is the one every peer must have."""

DTLS_1_2 = 0xFEFD
"""The protocol version DTLS 1.2 (RFC 6347, section 4.1)."""

RECORD_BYTES = 1200
"""Largest DTLS record in bytes: it fits, with its headers, into the packets of any usual path."""

DAYS_VALID = 365
"""Days for which the certificate is valid, far longer than such a server runs."""


class Certificate:
    """A self-signed P-256 certificate, made anew for every server.

    Attributes
    ----------
    certificate : cryptography.x509.Certificate
        The certificate itself.
    fingerprint : str
        The SHA-256 of the certificate as SDP writes it, "AA:BB:...".

    Examples
    --------
    >>> len(Certificate().fingerprint)
    95
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = _self_signed(self._key)
        self.fingerprint = fingerprint_of(self.certificate, "sha-256")

    def context(self) -> SSL.Context:
        """Make the DTLS settings of the server.

        The peer must send a certificate and any is let through: the handshake proves that the
        peer owns it, and its fingerprint is compared with the one in the peer's SDP afterwards.
        Renegotiation and resumption are off, since either could skip that comparison.

        Returns
        -------
        OpenSSL.SSL.Context
            The settings, for every session of the server.
        """
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(DTLS_1_2)
        context.set_max_proto_version(DTLS_1_2)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _accept_any)
        context.use_certificate(self.certificate)
        context.use_privatekey(self._key)
        context.set_cipher_list(CIPHERS)
        context.set_tlsext_use_srtp(b":".join(profile.name for profile in PROFILES))
        return context


def fingerprint_of(certificate: x509.Certificate, algorithm: str) -> str:
    """Give the fingerprint of a certificate as SDP writes it.

    Parameters
    ----------
    certificate : cryptography.x509.Certificate
        The certificate of either end.
    algorithm : str
        The name of the hash, a key of `FINGERPRINT_HASHES`.

    Returns
    -------
    str
        Upper-case hexadecimal with colons.
    """
    return certificate.fingerprint(FINGERPRINT_HASHES[algorithm]).hex(":").upper()


def _accept_any(
    connection: SSL.Connection, certificate: object, error: int, depth: int, ok: int
) -> bool:
    return True


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(16))])
    now = datetime.datetime.now(tz=datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS_VALID))
        .sign(key, hashes.SHA256())
    )
