"""The cluster's certificate authority, made anew for each cluster, and what it signs."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.place import API_SERVICE, DOMAIN, NODE, NODE_NAME, Place

_LIFE: Final = timedelta(days=365)
_SKEW: Final = timedelta(minutes=5)
_SERVING: Final = ("127.0.0.1", "localhost", NODE, NODE_NAME)


def folder(place: Place) -> Path:
    """Where certificates and keys lie."""
    return place.folder("pki")


def make(place: Place) -> None:
    """The authority, the key of service accounts, and every certificate of a component."""
    home = folder(place)
    home.chmod(0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("scoreops", ())
    basic = x509.BasicConstraints(ca=True, path_length=0)
    authority = _certificate(name, name, key.public_key()).add_extension(basic, critical=True)
    _write(home / "ca", key, authority.sign(key, hashes.SHA256()))
    accounts = ec.generate_private_key(ec.SECP256R1())
    _write(home / "accounts", accounts, None)
    api = [f"kubernetes.default{suffix}" for suffix in ("", ".svc", f".svc.{DOMAIN}")]
    serve(place, "apiserver", (*_SERVING, place.inside, API_SERVICE, *api))
    serve(place, "node", _SERVING)
    issue(place, "apiserver-kubelet", "kube-apiserver-kubelet", ("system:masters",))
    issue(place, "admin", "admin", ("system:masters",))
    issue(place, "kubelet", f"system:node:{NODE_NAME}", ("system:nodes",))
    for component in ("kube-controller-manager", "kube-scheduler", "kube-proxy"):
        issue(place, component, f"system:{component}", ())


def serve(place: Place, file: str, names: Sequence[str]) -> None:
    """A server's certificate and key, FILE.crt and FILE.key, for names and addresses."""
    known = x509.SubjectAlternativeName([_general(name) for name in names])
    _issue(place, file, _name(file, ()), ExtendedKeyUsageOID.SERVER_AUTH, known)


def issue(place: Place, file: str, user: str, groups: Sequence[str]) -> None:
    """A client's certificate and key, FILE.crt and FILE.key: who holds them is `user`, a member of `groups`."""
    _issue(place, file, _name(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH, None)


def _issue(
    place: Place, file: str, subject: x509.Name, use: x509.ObjectIdentifier, names: x509.SubjectAlternativeName | None
) -> None:
    home = folder(place)
    authority = x509.load_pem_x509_certificate((home / "ca.crt").read_bytes())
    signer = serialization.load_pem_private_key((home / "ca.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    made = _certificate(subject, authority.subject, key.public_key())
    made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if names is not None:
        made = made.add_extension(names, critical=False)
    _write(home / file, key, made.sign(signer, hashes.SHA256()))


def _name(common: str, groups: Sequence[str]) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
    return made.not_valid_before(now - _SKEW).not_valid_after(now + _LIFE)


def _write(base: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate | None) -> None:
    pem = serialization.Encoding.PEM
    secret = base.with_name(f"{base.name}.key")
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    if certificate is not None:
        base.with_name(f"{base.name}.crt").write_bytes(certificate.public_bytes(pem))
    else:
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        base.with_name(f"{base.name}.pub").write_bytes(key.public_key().public_bytes(pem, public))
