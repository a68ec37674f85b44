"""secsipidx, which Kamailio verifies and signs with, accepts our tokens, and we accept its."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from certs.lab import Authority
from proxy.cli import main
from shaken.credential import Anchors, validate
from shaken.sign import Signer
from shaken.verify import Claim, Rules, examine, judge
from tests.waiting import SECONDS

pytestmark = pytest.mark.peer("secsipidx")
URL = "https://cr.example.net/a.pem"
ORIG, DEST = "12025550101", "12025550199"


def secsipidx(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["secsipidx", *options], capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.req("STI-012", "STI-024")
def test_secsipidx_accepts_what_we_sign_and_refuses_it_changed(tmp_path: Path) -> None:
    leaf = Authority(seed="secsipidx").leaf("709J")
    public = tmp_path / "public.pem"
    public.write_bytes(
        leaf.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    value = Signer(leaf.key, URL).identity(
        orig=ORIG, dest=[DEST], iat=int(time.time()), attest="A", origid="123e4567-e89b-42d3-a456-426655440000"
    )
    for text, code in ((value, 0), (value.replace(b".", b".e", 1), None)):
        path = tmp_path / "identity"
        path.write_bytes(text)
        done = secsipidx("-check", "-fidentity", str(path), "-fpubkey", str(public), "-expire", "60")
        assert (done.returncode == 0) == (code == 0), done.stdout + done.stderr


@pytest.mark.req("STI-066", "STI-023")
@pytest.mark.parametrize("attest", ["A", "B", "C"])
def test_we_accept_what_secsipidx_signs_and_refuse_it_for_another_caller(attest: str, tmp_path: Path) -> None:
    authority = Authority(seed="secsipidx")
    leaf = authority.leaf("709J")
    key = tmp_path / "key.pem"
    key.write_bytes(
        leaf.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    done = secsipidx(
        "-sign-full", "-orig-tn", ORIG, "-dest-tn", DEST, "-attest", attest, "-x5u", URL, "-k", str(key),
        "-orig-id", "123e4567-e89b-42d3-a456-426655440000",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    value, now = done.stdout.strip().encode(), time.time()
    credential = validate(URL, leaf.chain_pem(), Anchors.of([authority.anchors_pem]), now)
    good = judge(examine(value, Claim(ORIG, None, (DEST,)), Rules(), now), credential, now)
    assert good.proved and good.attestation == attest, good
    other = judge(examine(value, Claim("12025550102", None, (DEST,)), Rules(), now), credential, now)
    assert other.slug == "identity-orig-mismatch"


def test_the_flags_mean_the_same_to_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leaf = Authority(seed="secsipidx").leaf("709J")
    leaf.save(tmp_path, "signer")
    public = tmp_path / "public.pem"
    public.write_bytes(
        leaf.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    sign = ["-sign-full", "-orig-tn", ORIG, "-dest-tn", DEST, "-attest", "B", "-x5u", URL, "-k", str(tmp_path / "signer.key")]
    assert main(["secsipidx", *sign]) == 0
    ours, theirs = capsys.readouterr().out.strip(), secsipidx(*sign).stdout.strip()
    assert ours.partition(".")[0] == theirs.partition(".")[0] and ours.partition(";")[2] == theirs.partition(";")[2]
    for value in (ours, theirs):
        for text, good in ((value, True), (value.replace(".", ".e", 1), False)):
            path = tmp_path / "identity"
            path.write_text(text)
            check = ["-check", "-fidentity", str(path), "-fpubkey", str(public), "-expire", "60"]
            assert (main(["secsipidx", *check]) == 0) == (secsipidx(*check).returncode == 0) == good
    for age, expire, good in ((60, (), False), (60, ("-expire", "0"), False), (60, ("-expire", "30"), False), (60, ("-expire", "600"), True)):
        value = Signer(leaf.key, URL).identity(
            orig=ORIG, dest=[DEST], iat=int(time.time()) - age, attest="A", origid="123e4567-e89b-42d3-a456-426655440000"
        )
        check = ["-check", "-identity", value.decode(), "-fpubkey", str(public), *expire]
        assert (main(["secsipidx", *check]) == 0) == (secsipidx(*check).returncode == 0) == good
