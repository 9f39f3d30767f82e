"""Ed25519 keys (RFC 8032) in PEM files, as OpenSSL reads and writes them."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any, TypeAlias

from uavloc.errors import InputError, MissingExtraError, UavlocError, UsageError
from uavloc.types import KEY_DIGITS

PrivateKey: TypeAlias = Any
"""Ed25519PrivateKey of the package cryptography."""
MAX_KEY_BYTES = 1 << 16

_log = logging.getLogger(__name__)


def make_keys(private: Path) -> tuple[Path, bytes]:
    """Write a new private key, which only its owner may read, and the public one beside it (*.pub).

    Gives the path and the 32 bytes of the public key. Raises UsageError, and leaves it, where a file is there already,
    UavlocError where none can be written.
    """
    serialization, ed25519 = _cryptography()
    key = ed25519.Ed25519PrivateKey.generate()
    public = private.with_name(private.name + ".pub")
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    if public.exists():
        raise UsageError(f"{public}: is there already: keys are never overwritten")
    _write_new(private, secret, 0o600)
    _write_new(public, key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo), 0o644)
    return public, public_bytes(key)


def load_private(path: Path) -> PrivateKey:
    """An unencrypted Ed25519 private key; raises InputError. Warns where others may read the file."""
    serialization, ed25519 = _cryptography()
    content = _read(path)
    try:
        key = serialization.load_pem_private_key(content, None)
    except TypeError as error:
        raise InputError(f"{path}: the private key has a password: take it off (openssl pkey)") from error
    except Exception as error:  # the package has no common class for what it refuses
        raise InputError(f"{path}: not a private key in PEM form") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise InputError(f"{path}: not an Ed25519 key: make one with 'uavloc cache key'")
    if path.stat().st_mode & 0o077:
        _log.warning("%s: others may read this private key: chmod 600", path)
    return key


def load_public(text: str) -> bytes:
    """The 32 bytes of a public key: 64 hex digits, or the path of a PEM file; raises InputError."""
    if re.fullmatch(KEY_DIGITS, text):
        return bytes.fromhex(text)
    serialization, ed25519 = _cryptography()
    content = _read(Path(text))
    try:
        key = serialization.load_pem_public_key(content)
    except Exception as error:  # the package has no common class for what it refuses
        what = "a private key: name the public one beside it" if b"PRIVATE" in content else "not a public key"
        raise InputError(f"{text}: {what} (PEM, or 64 hex digits)") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise InputError(f"{text}: not an Ed25519 key: make one with 'uavloc cache key'")
    return _raw(key)


def public_bytes(key: PrivateKey) -> bytes:
    """The 32 bytes of the public key that belongs to a private one."""
    return _raw(key.public_key())


def sign(key: PrivateKey, message: bytes) -> bytes:
    """The 64 bytes of a signature."""
    return bytes(key.sign(message))


def fits(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature of a message was made with the private key of a public one; raises InputError for no key."""
    _, ed25519 = _cryptography()
    from cryptography.exceptions import InvalidSignature

    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(public)
        key.verify(signature, message)
    except InvalidSignature:
        return False
    except ValueError as error:
        raise InputError(f"public key {public.hex()}: not an Ed25519 key") from error
    return True


def _raw(key: Any) -> bytes:
    serialization, _ = _cryptography()
    return bytes(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such key file")
        with path.open("rb") as file:
            return file.read(MAX_KEY_BYTES)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read the key: {error}") from error


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that was not there before, with its mode from the beginning."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except FileExistsError as error:
        raise UsageError(f"{path}: is there already: keys are never overwritten") from error
    except OSError as error:
        raise UavlocError(f"{path}: cannot write the key: {error.strerror}") from error


def _cryptography() -> tuple[Any, Any]:
    """Its modules `serialization` and `ed25519`; raises MissingExtraError where it is not installed."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise MissingExtraError("cryptography", "sign") from None
    return serialization, ed25519
