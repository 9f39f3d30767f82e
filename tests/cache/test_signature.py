"""Signatures: made and checked by OpenSSL too, and worth nothing once a byte has changed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import rasterio
from globalhead import write_engine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mapfiles import write_map
from program import at_once, is_refused, uavloc, works

from uavloc.build import build_cache
from uavloc.cache import cachefile
from uavloc.cache.keys import load_private, load_public, make_keys
from uavloc.cache.signature import Signer, check_signature, sign_cache, signed_by
from uavloc.config import load_config
from uavloc.encode import load_engine
from uavloc.errors import CacheError, InputError, UavlocError
from uavloc.region import parse_region
from uavloc.sources import open_source
from uavloc.tiles import TileCache, verify

LAT, LON, GSD_M, SIZE = 47.4, 8.5, 0.5, 150


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """The private key and its public digits."""
    private = tmp_path_factory.mktemp("keys") / "fleet.key"
    _, digits = make_keys(private)
    return private, digits.hex()


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    return write_map(tmp_path_factory.mktemp("ground") / "ground.png", LAT, LON, SIZE, GSD_M)


@pytest.fixture(scope="module")
def plain(picture, tmp_path_factory):
    """A cache with an index behind the database, not signed."""
    engine = load_engine(write_engine(tmp_path_factory.mktemp("engine") / "both", 96, dense=True), threads=1)
    source = open_source(picture)
    out = picture.with_name("plain.mbtiles")
    build_cache(parse_region("full", [source.bounds]), [source], engine, out)
    return out


@pytest.fixture(scope="module")
def signed(plain, keys):
    path = Path(shutil.copy(plain, plain.with_name("signed.mbtiles")))
    sign_cache(path, Signer(load_private(keys[0])))
    return path


@pytest.fixture
def copied(signed, tmp_path):
    return Path(shutil.copy(signed, tmp_path / "copy.mbtiles"))


def test_a_signed_cache_is_the_same_cache(plain, signed, keys):
    verify(signed, keys[1])
    verify(signed)
    assert signed_by(signed).hex() == keys[1]
    assert signed_by(plain) is None
    with TileCache.open(signed, public_key=keys[1]) as cache, TileCache.open(plain) as other:
        assert cache.manifest == other.manifest
        assert cache.content_digest() == other.content_digest()
        assert (cache.index().data == other.index().data).all()


def test_programs_that_know_nothing_of_signatures_read_it(signed):
    with closing(sqlite3.connect(f"file:{signed}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with rasterio.open(signed) as data:
        assert (data.driver, data.crs.to_epsg()) == ("MBTiles", 3857)


def test_openssl_agrees_with_the_page_on_the_format(signed, keys, tmp_path):
    """What is signed, from docs/cache-format.md alone, checked by another program."""
    content = signed.read_bytes()
    seal = content.rfind(bytes.fromhex("FF7561766C6F632D7365616CFF")) + 13
    place = content.rfind(bytes.fromhex("FF7561766C6F632D7369676EFF")) + 13
    key, signature = content[place : place + 32], content[place + 32 : place + 96]
    blank = bytearray(content)
    blank[seal : seal + 64] = b"0" * 64
    blank[place + 32 : place + 96] = bytes(64)
    message = b"uavloc cache signature 1\n" + hashlib.sha256(blank).hexdigest().encode()
    assert key.hex() == keys[1]
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "signature").write_bytes(signature)
    public = keys[0].with_name("fleet.key.pub")
    words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", tmp_path / "message"]
    done = subprocess.run([*words, "-sigfile", tmp_path / "signature"], capture_output=True, text=True, check=False)
    assert "Verified Successfully" in done.stdout, done.stderr


def test_keys_made_by_openssl_work(plain, tmp_path):
    private, public = tmp_path / "o.key", tmp_path / "o.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    private.chmod(0o600)
    path = Path(shutil.copy(plain, tmp_path / "c.mbtiles"))
    works("cache", "sign", path, "--key", private)
    works("verify", path, "--key", public)


@given(st.data())
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_byte_can_change_even_if_it_is_sealed_again(copied, keys, data):
    content = copied.read_bytes()
    place = content.rfind(b"\xffuavloc-sign\xff")
    near = st.integers(place, place + 13 + 96 - 1)
    at = data.draw(st.one_of(st.integers(0, len(content) - 1), near))
    altered = bytearray(content)
    altered[at] ^= 1 << data.draw(st.integers(0, 7))
    copied.write_bytes(altered)
    with pytest.raises(CacheError):
        TileCache.open(copied, public_key=keys[1])
    seal_at = content.rfind(cachefile.SEAL_MARKER) + len(cachefile.SEAL_MARKER)
    if not seal_at - len(cachefile.SEAL_MARKER) <= at < seal_at + 64:
        cachefile.seal(copied)
        with pytest.raises(CacheError, match="signature: "):
            TileCache.open(copied, public_key=keys[1])
    copied.write_bytes(content)
    TileCache.open(copied, public_key=keys[1]).close()


@pytest.mark.parametrize("more", [b"\0", b"\xffuavloc-sign\xff" + bytes(96), b"\xffuavloc-seal\xff" + b"0" * 64])
def test_nothing_can_be_put_behind_it(copied, keys, more):
    with copied.open("ab") as file:
        file.write(more)
    cachefile.seal(copied)
    with pytest.raises(CacheError, match="signature: "):
        TileCache.open(copied, public_key=keys[1])


def test_signing_again_replaces_the_signature(copied, keys, tmp_path):
    _, digits = make_keys(tmp_path / "new.key")
    sign_cache(copied, Signer(load_private(tmp_path / "new.key")))
    check_signature(copied, digits.hex())
    with pytest.raises(CacheError, match=f"signature: made with key {digits.hex()}, not with {keys[1]}"):
        check_signature(copied, keys[1])
    sign_cache(copied, Signer(load_private(keys[0])))
    verify(copied, keys[1])
    assert copied.read_bytes().count(b"\xffuavloc-sign\xff") == 1


def test_a_trigger_cannot_ride_along_when_a_cache_is_signed(plain, keys, tmp_path):
    path = Path(shutil.copy(plain, tmp_path / "a.mbtiles"))
    with closing(sqlite3.connect(path)) as db:
        end = cachefile.database_bytes(db)
    tail = path.read_bytes()[end:]
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON uavloc_manifest BEGIN DELETE FROM tiles; END")
    path.write_bytes(path.read_bytes()[:end] + tail)
    cachefile.seal(path)
    before = path.read_bytes()
    with pytest.raises(CacheError, match="trigger t"):
        sign_cache(path, Signer(load_private(keys[0])))
    assert path.read_bytes() == before
    assert [child.name for child in tmp_path.iterdir()] == ["a.mbtiles"]


def test_a_damaged_cache_is_not_signed(copied, keys):
    content = bytearray(copied.read_bytes())
    content[20_000] ^= 1
    copied.write_bytes(content)
    with pytest.raises(CacheError, match="damaged"):
        sign_cache(copied, Signer(load_private(keys[0])))


def test_keys_are_for_their_owner_and_never_overwritten(tmp_path):
    private = tmp_path / "fleet.key"
    before = os.umask(0)
    try:
        told = works("cache", "key", private)
    finally:
        os.umask(before)
    public = tmp_path / "fleet.key.pub"
    assert private.stat().st_mode & 0o777 == 0o600
    assert public.stat().st_mode & 0o777 == 0o644
    assert load_public(str(public)).hex() in told.out
    contents = private.read_bytes(), public.read_bytes()
    is_refused(uavloc("cache", "key", private), "is there already: keys are never overwritten")
    private.unlink()
    with pytest.raises(UavlocError, match=r"fleet.key.pub: is there already"):
        make_keys(private)
    assert not private.exists()
    assert public.read_bytes() == contents[1]


def openssl_key(path, *arguments):
    subprocess.run(["openssl", *arguments, "-out", path], check=True, capture_output=True)
    path.chmod(0o600)
    return path


def test_what_is_no_key_is_refused(keys, tmp_path):
    rsa = openssl_key(tmp_path / "rsa.key", "genpkey", "-algorithm", "RSA")
    locked = openssl_key(tmp_path / "locked.key", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x")
    (tmp_path / "text").write_text("no key")
    for path, message in (
        (rsa, "not an Ed25519 key"),
        (locked, "has a password"),
        (tmp_path / "text", "not a private key"),
        (tmp_path / "none", "no such key file"),
        (tmp_path, "no such key file"),
        (keys[0].with_name("fleet.key.pub"), "not a private key"),
    ):
        with pytest.raises(InputError, match=f"{path}: .*{message}"):
            load_private(path)
    for text, message in ((str(keys[0]), "a private key"), ("00" * 31, "no such"), (str(tmp_path / "text"), "not a")):
        with pytest.raises(InputError, match=f"{re.escape(text)}: .*{message}"):
            load_public(text)


def test_a_private_key_that_others_may_read_is_told(keys, tmp_path, caplog):
    loose = Path(shutil.copy(keys[0], tmp_path / "loose.key"))
    loose.chmod(0o644)
    load_private(loose)
    assert "loose.key: others may read this private key" in caplog.text


def test_build_verify_and_inspect(picture, keys, tmp_path):
    out = tmp_path / "a.mbtiles"
    words = ("build", "--engine", "gradient", "--region", "full", "--source", picture, "--out", out)
    works(*words)
    is_refused(at_once("verify", out, "--key", keys[1]), "a.mbtiles: signature: missing", keys[1])
    first = works(*words, "--sign", keys[0])
    assert "signature: missing" in first.err, "a cache that nobody vouches for"
    assert "taken over" not in first.out
    assert f"signed with key {keys[1]}" in works("verify", out, "--key", keys[1]).out
    told = [at_once("verify", out), at_once("inspect", out)]
    assert [ran.code for ran in told] == [0, 0]
    assert "not checked" in told[0].out
    assert keys[1] in told[1].out
    assert "taken over from the older cache" in works(*words, "--sign", keys[0]).out
    verify(out, keys[1])
    is_refused(at_once("verify", out, "--key", "ab" * 32), "signature: made with key", keys[1])
    before = out.read_bytes()
    is_refused(at_once(*words), f"a.mbtiles: is signed with key {keys[1]}", "give --sign KEY")
    assert out.read_bytes() == before
    is_refused(at_once(*words, "--sign", tmp_path / "none"), "none: no such key file")


def test_replay_can_demand_a_signature(flown, keys, tmp_path):
    cache, config = Path(shutil.copy(flown.cache, tmp_path / "a.mbtiles")), tmp_path / "c.toml"
    config.write_text(f'[cache]\npublic_key = "{keys[1]}"\n')
    assert load_config(config).cache.public_key == keys[1]
    words = ("replay", flown.log, "--cache", cache, "--start", flown.start, "--config", config, "--out", tmp_path / "r")
    is_refused(at_once(*words), "a.mbtiles: signature: missing", keys[1])
    assert not (tmp_path / "r").exists()
    sign_cache(cache, Signer(load_private(keys[0])))
    works(*words)
    assert keys[1] in (tmp_path / "r" / "config.toml").read_text()
    config.write_text('[cache]\npublic_key = "nowhere.pub"\n')
    is_refused(at_once(*words), "nowhere.pub: no such key file")
