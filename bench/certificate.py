#!/usr/bin/python3
"""certificate.py CA.pem CERT.pem KEY.pem: a CA, and a certificate of it for 127.0.0.1."""
import datetime
import ipaddress
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(name, key, issuer, issuer_key, extension):
    now = datetime.datetime.utcnow()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(extension, critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(thing):
    return thing.public_bytes(serialization.Encoding.PEM)


def main():
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca, host = named("bench CA"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    contents = (
        pem(certificate(ca, ca_key, ca, ca_key, x509.BasicConstraints(ca=True, path_length=0))),
        pem(certificate(named("bench sink"), key, ca, ca_key, x509.SubjectAlternativeName([host]))),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    for path, content in zip(sys.argv[1:], contents):
        with open(path, "wb") as f:
            f.write(content)


if __name__ == "__main__":
    main()
