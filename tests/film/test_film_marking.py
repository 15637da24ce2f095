"""Marked copies of films: metadata, signature, and what `longtake verify` finds."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import av
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from longtake import film as films
from longtake.errors import SettingsError
from longtake.settings import Settings
from longtake.storyboard import Deliverable

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("c2pa", reason="the extra c2pa is not installed")

AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def issued(subject, key, issuer, signer, *, ca=False, days=365):
    """A certificate of the kind that C2PA takes."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not ca, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )  # fmt: skip
    if not ca:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with `chain.pem`, `key.pem`, `ca.pem` and `ended.pem`, and the private key."""
    folder = tmp_path_factory.mktemp("authority")
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = issued("Test Authority", root, "Test Authority", root, ca=True)
    (folder / "ca.pem").write_bytes(ca)
    (folder / "chain.pem").write_bytes(issued("Test Studio", own, "Test Authority", root) + ca)
    (folder / "ended.pem").write_bytes(issued("Test Studio", own, "Test Authority", root, days=-1) + ca)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(own.private_bytes(*form))
    (folder / "other.pem").write_bytes(root.private_bytes(*form))
    return folder, own


@pytest.fixture
def film(studio, write_board):
    made, _ = studio.run(write_board("one: A, two: B"))
    return made


def settings(folder, marking="signed", certificate="chain.pem", key="key.pem"):
    return Settings(marking=marking, signing_certificate=folder / certificate, signing_key=folder / key)


def packets(path: Path) -> list[tuple[int, int | None, str]]:
    with av.open(str(path)) as container:
        return [
            (packet.stream.index, packet.pts, hashlib.sha256(bytes(packet)).hexdigest())
            for packet in container.demux()
            if packet.size
        ]


def essence(path: Path) -> list[tuple[str, str]]:
    """The coded pictures and the sound of a film, in the order of each, wherever they lie."""
    options = {"allowed_extensions": "ALL", "protocol_whitelist": "file,crypto,data"} if path.suffix == ".m3u8" else {}
    with av.open(str(path), options=options) as container:
        streams = [*container.streams.video, *container.streams.audio]
        found = [(p.stream.type, hashlib.sha256(bytes(p)).hexdigest()) for p in container.demux(streams) if p.size]
    return sorted(found, key=lambda one: one[0])


@pytest.mark.parametrize(("marking", "name"), [("metadata", "film-marked.mp4"), ("signed", "film-signed.mp4")])
def test_a_marked_copy_says_what_it_is_and_shows_the_same(studio, film, authority, marking, name):
    before = studio.read(film.key)
    marked = films.keep_marked(film, studio.store, settings(authority[0], marking))
    path = studio.store.path(marked.marked)
    assert path.name == name
    assert marked.links(studio.store, public_url=None)["marked film"] == str(path)
    found = films.verify(path, trust=authority[0] / "ca.pem")
    assert (found.source_type, found.problems, found.holds) == (AI, (), True)
    assert packets(path) == packets(studio.store.path(film.key))
    assert studio.read(film.key) == before
    if marking == "signed":
        assert (found.signed_by, found.trusted) == ("Test Studio", True)
        assert found.takes == tuple(shot.used.clip.sha256 for shot in film.manifest.shots)
        assert found.models == ("seedance-2.5",)
        assert films.verify(path, trust=authority[0] / "chain.pem").trusted is not None
    written = path.stat().st_mtime_ns
    assert films.keep_marked(film, studio.store, settings(authority[0], marking)) == marked
    assert path.stat().st_mtime_ns == written, "it is written once"


def test_a_film_that_is_joined_again_is_signed_again_with_the_same_essence(studio, film, authority):
    marked = films.keep_marked(film, studio.store, settings(authority[0]))
    first, claim = packets(studio.store.path(marked.marked)), films.verify(studio.store.path(marked.marked))
    for key in (film.key, marked.marked):
        studio.store.path(key).unlink()
    again = films.rebuild(film.manifest, studio.store)
    assert again.same
    signed = films.keep_marked(again.film, studio.store, settings(authority[0]))
    path = studio.store.path(signed.marked)
    assert (packets(path), films.verify(path)) == (first, claim)
    assert claim.holds


@pytest.mark.parametrize("place", [0.3, 0.6, 0.999])
def test_one_flipped_byte_is_found(studio, film, authority, longtake, place):
    marked = films.keep_marked(film, studio.store, settings(authority[0]))
    data = bytearray(studio.read(marked.marked))
    data[int(len(data) * place)] ^= 1
    bad = studio.folder / "bad.mp4"
    bad.write_bytes(data)
    code, answer, _ = longtake(studio, "verify", bad)
    assert (code, answer["holds"]) == (1, False)
    assert answer["problems"]


@pytest.fixture
def streamed(studio, write_board, authority):
    """A film with captions that is kept for HLS, and its signed folder."""
    text = write_board("one: A, two: B", "three: C").replace('"A"}', '"A", caption: "Rain"}')
    made, _ = studio.run(text.replace("title:", "hls: true\ntitle:"))
    films.keep_marked(made, studio.store, settings(authority[0]))
    return made, studio.store.path(made.key).with_name("hls-signed")


def test_a_film_for_hls_is_signed_as_one_file_of_fragments(studio, streamed, authority):
    made, folder = streamed
    assert {path.name for path in folder.iterdir()} == {
        "index.m3u8",
        "film.m3u8",
        "film.mp4",
        "captions.m3u8",
        "captions.vtt",
    }
    for place in (folder, folder / "index.m3u8", folder / "film.mp4"):
        found = films.verify(place, trust=authority[0] / "ca.pem")
        assert (found.source_type, found.signed_by, found.trusted, found.problems) == (AI, "Test Studio", True, ())
        assert found.takes == tuple(shot.used.clip.sha256 for shot in made.manifest.shots)
    plain = studio.store.path(made.key)
    assert essence(folder / "film.mp4") == essence(plain), "pictures and sound are the film's, packet for packet"
    # A player reads it by the ranges of the playlist.
    assert essence(folder / "film.m3u8") == essence(plain)
    data = (folder / "film.mp4").read_bytes()
    ranges = [
        (int(length), int(at))
        for length, at in re.findall(r"BYTERANGE[:=]\"?([0-9]+)@([0-9]+)", (folder / "film.m3u8").read_text())
    ]
    assert data[4:8] == b"ftyp"
    assert all(data[at + 4 : at + 8] in {b"moof", b"styp", b"sidx"} for _, at in ranges[1:])
    assert all(at + length == after for (length, at), (_, after) in itertools.pairwise(ranges))
    written = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    films.keep_marked(made, studio.store, settings(authority[0]))
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == written


@pytest.mark.slow
@pytest.mark.parametrize("name", ["index.m3u8", "film.m3u8", "film.mp4", "captions.m3u8", "captions.vtt"])
@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_one_flipped_byte_of_an_hls_folder_is_found(studio, streamed, longtake, name, place):
    _, folder = streamed
    bad = studio.folder / "bad"
    shutil.copytree(folder, bad)
    data = bytearray((bad / name).read_bytes())
    data[int(len(data) * place)] ^= 1
    (bad / name).write_bytes(data)
    code, answer, _ = longtake(studio, "verify", bad / "index.m3u8")
    assert (code, answer["holds"]) == (1, False)
    assert answer["problems"]


def test_a_file_that_an_hls_folder_lacks_is_found(streamed, tmp_path):
    bad = tmp_path / "bad"
    shutil.copytree(streamed[1], bad)
    (bad / "captions.vtt").unlink()
    assert films.verify(bad).problems == ("captions.vtt: it is not the file that was signed, or is missing",)


def test_a_folder_for_hls_is_marked_without_a_signature(studio, write_board):
    made, _ = studio.run(write_board("one: A").replace("title:", "hls: true\ntitle:"))
    films.keep_marked(made, studio.store, Settings(marking="metadata"))
    folder = studio.store.path(made.key).with_name("hls-marked")
    found = films.verify(folder)
    assert (found.source_type, found.signed_by, found.holds) == (AI, None, True)
    assert essence(folder / "film.m3u8") == essence(studio.store.path(made.key))


def test_a_streamed_film_that_is_joined_again_is_signed_again_with_the_same_essence(studio, streamed, authority):
    made, folder = streamed
    first, claim = essence(folder / "film.mp4"), films.verify(folder)
    for path in [studio.store.path(made.key), *folder.iterdir()]:
        path.unlink()
    again = films.rebuild(made.manifest, studio.store)
    films.keep_marked(again.film, studio.store, settings(authority[0]))
    assert (essence(folder / "film.mp4"), films.verify(folder)) == (first, claim)
    assert claim.holds


def test_each_deliverable_is_signed_and_one_flipped_byte_is_found(studio, film, authority, tmp_path):
    wanted = [Deliverable("tall", size="9:16"), Deliverable("plain", captions=["srt"])]
    for one in films.deliver_all(film, wanted, studio.store, settings(authority[0])):
        path = studio.store.path(one.marked)
        assert packets(path) == packets(studio.store.path(one.key))
        found = films.verify(path, trust=authority[0] / "ca.pem")
        assert (found.signed_by, found.trusted, found.problems) == ("Test Studio", True, ())
        assert found.takes == tuple(shot.used.clip.sha256 for shot in film.manifest.shots)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        (tmp_path / "bad.mp4").write_bytes(data)
        assert films.verify(tmp_path / "bad.mp4").problems
        path.unlink()
        (again,) = films.deliver_all(film, [one.manifest.deliverable], studio.store, settings(authority[0]))
        assert (packets(studio.store.path(again.marked)), again.made) == (packets(studio.store.path(one.key)), False)


def test_nothing_of_a_prompt_is_in_the_copy(studio, write_board, authority):
    made, _ = studio.run(write_board("one: a-very-secret-prompt"))
    marked = films.keep_marked(made, studio.store, settings(authority[0]))
    assert b"a-very-secret-prompt" not in studio.read(marked.marked)


def test_a_function_signs_in_place_of_a_key(studio, film, authority, tmp_path):
    folder, key = authority

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    out = tmp_path / "signed.mp4"
    films.mark(studio.store.path(film.key), out, film.manifest, films.Signing(folder / "chain.pem", sign=sign))
    assert films.verify(out).holds


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"certificate": "absent.pem"}, "absent.pem, cannot be read"),
        ({"certificate": "ca.pem"}, "cannot be signed with"),
        ({"certificate": "ended.pem"}, "cannot be signed with"),
        ({"key": "other.pem"}, "cannot be signed with"),
        ({"key": "chain.pem"}, "cannot be signed with"),
    ],
)
def test_what_cannot_sign_is_known_before_anything_is_bought(authority, changes, said):
    with pytest.raises(SettingsError, match=said) as caught:
        films.check_marking(settings(authority[0], **changes))
    assert "PRIVATE KEY" not in str(caught.value)


def test_signing_without_a_key_names_the_setting():
    with pytest.raises(SettingsError, match="no certificate or no key"):
        films.check_marking(Settings(marking="signed"))


def test_an_unmarked_film_has_no_marks(studio, film, longtake):
    found = films.verify(studio.store.path(film.key))
    assert found == dataclasses.replace(found, source_type=None, signed_by=None)
    assert longtake(studio, "verify", studio.store.path(film.key))[0] == 1
