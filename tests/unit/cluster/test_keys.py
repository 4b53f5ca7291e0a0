from __future__ import annotations

import stat
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from cluster import kubeconfig, pki
from cluster.place import here


@pytest.fixture
def place(tmp_path):
    made = replace(here({}), home=tmp_path)
    pki.make(made)
    return made


def certificate(place, name):
    return x509.load_pem_x509_certificate((pki.folder(place) / f"{name}.crt").read_bytes())


def test_the_authority_signed_every_certificate(place):
    authority = certificate(place, "ca")
    names = {file.stem for file in pki.folder(place).glob("*.crt")} - {"ca"}
    assert {"apiserver", "node", "admin", "kubelet", "kube-scheduler"} <= names
    for name in names:
        certificate(place, name).verify_directly_issued_by(authority)


def test_the_api_server_is_known_by_its_names_and_addresses(place):
    names = certificate(place, "apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    assert place.inside in map(str, names.get_values_for_type(x509.IPAddress))


def test_keys_are_for_their_owner_alone(place):
    kubeconfig.administrator(place)
    secret = [*pki.folder(place).glob("*.key"), place.kubeconfig]
    assert {stat.S_IMODE(file.stat().st_mode) for file in secret} == {0o600}


def test_a_user_is_in_his_groups(place):
    kubeconfig.of_user(place, "ann", ["a", "b"])
    subject = certificate(place, "user-ann").subject
    found = [one.value for one in subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)]
    assert found == ["a", "b"]
    assert isinstance(certificate(place, "user-ann").public_key(), ec.EllipticCurvePublicKey)
