"""S3 as three independent servers speak it over the wire, for every test that asks; the root conftest loads this.

moto is quick, MiniStack strict (signatures, expiry, checksums) and keeps its objects in files, rclone is a third party over
TLS that takes no notice of conditions. The last two are processes of their own, ended with their group.
"""

import datetime as dt
import importlib.util
import ipaddress
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from longtake.store import s3client

KEY, SECRET = "testing", "a-secret-for-tests"
PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="session")
def s3_server():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def busy_bucket(aws):
    """As `bucket`, on a moto in a process of its own, for a test that keeps it busy."""
    port = _free_port()
    with _running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], {}, ready="Running on"):
        yield _bucket(aws, f"http://127.0.0.1:{port}")


@pytest.fixture(scope="session")
def ministack_server(tmp_path_factory):
    if importlib.util.find_spec("ministack") is None:
        pytest.skip("MiniStack is not installed: `make test` does it")
    home, port = tmp_path_factory.mktemp("ministack"), _free_port()
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(home / "data"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "HOME": str(home),
    }
    with _running([sys.executable, "-c", "from ministack.app import main; main()"], settings, ready="Running on"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory):
    """Its URL, the file of its certificate, and the folder whose folders are its buckets."""
    if not (PROGRAMS / "rclone").exists():
        pytest.skip("rclone is not installed: `make test` does it")
    home, port = tmp_path_factory.mktemp("rclone"), _free_port()
    certificate, key = _certificate(home)
    folder = home / "data"
    folder.mkdir()
    command = [PROGRAMS / "rclone", "serve", "s3", "-v", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    command += ["--cert", certificate, "--key", key, "--config", home / "none", "--cache-dir", home / "cache", folder]
    with _running(command, {"HOME": str(home)}, ready="Starting s3 server"):
        yield SimpleNamespace(url=f"https://127.0.0.1:{port}", certificate=certificate, folder=folder)


def _free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def _running(command, settings, *, ready):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | settings
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        said = []
        while not said or ready not in said[-1]:
            line = process.stdout.readline()
            assert line, "".join(said)
            said.append(line)
        # What it says later must not fill the pipe.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _certificate(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test of Longtake")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "certificate.pem").write_bytes(made.public_bytes(encoding))
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, *plain))
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def aws(monkeypatch):
    """Credentials for servers on this machine only: nothing is read from a person's own AWS files."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    # The same in every test: other variables would be another client.
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr(s3client, "FIRST_PAUSE", 0.001)
    return monkeypatch


@pytest.fixture
def bucket(aws, s3_server):
    """A new bucket's name; AWS_ENDPOINT_URL points at its server."""
    return _bucket(aws, s3_server)


@pytest.fixture
def strict_bucket(aws, ministack_server):
    """As `bucket`, on MiniStack."""
    return _bucket(aws, ministack_server)


@pytest.fixture
def careless_bucket(aws, rclone_server):
    """As `bucket`, on rclone, whose certificate is trusted."""
    aws.setenv("AWS_CA_BUNDLE", str(rclone_server.certificate))
    return _bucket(aws, rclone_server.url)


def _bucket(aws, server):
    name = f"films-{secrets.token_hex(6)}"
    aws.setenv("AWS_ENDPOINT_URL", server)
    s3client.client(name).create_bucket(Bucket=name)
    return name
