"""The recipes of docs/scale.md, as far as one machine can run them: S3, Slurm's script, KubeRay's.

S3 is a local server (moto); its test runs where `moto[server]` and `s3fs` are installed. Slurm's
programs and `ray symmetric-run` are stood in for by scripts; the cluster itself is Ray's.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from corpus_clips import inputs, rows, write_clips
from doc_blocks import ROOT

SCALE = (ROOT / "docs" / "scale.md").read_text("utf-8")


def script(beginning: str) -> str:
    """The block of docs/scale.md that begins so."""
    return next(
        block.partition("\n")[2]
        for block in SCALE.split("```")[1::2]
        if block.partition("\n")[2].startswith(beginning)
    )


def run(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "auheat", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def bucket() -> Iterator[dict[str, str]]:
    """The environment in which s3:// is a server of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    keys = {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | keys
    ) as server:
        try:
            end = time.monotonic() + 120
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert server.poll() is None and time.monotonic() < end
                    time.sleep(0.2)
            yield keys | {"AWS_ENDPOINT_URL": address, "FSSPEC_S3_ENDPOINT_URL": address}
        finally:
            server.kill()


_COPY = """
import sys
import fsspec
files = fsspec.filesystem("s3")
if sys.argv[1] == "up":
    files.mkdir("bucket")
    files.put(sys.argv[2], "bucket/videos/", recursive=True)
else:
    files.get("bucket/dataset/", sys.argv[2], recursive=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not (find_spec("moto") and find_spec("s3fs")), reason="moto[server] and s3fs are not installed"
)
def test_inputs_and_dataset_in_s3(tmp_path: Path, bucket: dict[str, str]) -> None:
    """The same rows as from this disk; a second run has nothing to do; a changed video is read."""
    clips = write_clips(tmp_path / "videos", 5, 4)
    run("corpus", str(tmp_path / "videos"), "-o", str(tmp_path / "here"), "--workers", "1")

    def copy(way: str, folder: Path) -> None:
        subprocess.run(
            [sys.executable, "-c", _COPY, way, f"{folder}/"], check=True, env=os.environ | bucket
        )

    copy("up", tmp_path / "videos")
    words = ("corpus", "s3://bucket/videos", "-o", "s3://bucket/dataset", "--workers", "2")
    assert "5 of 5 inputs" in run(*words, **bucket)
    assert "nothing to read; 5 in the dataset" in run(*words, **bucket)
    assert "read: 5; only in part: 0; failed: 0" in run(
        "corpus", "status", "s3://bucket/dataset", **bucket
    )
    copy("down", tmp_path / "there")
    found = rows(tmp_path / "there")
    assert found["input"].iloc[0].startswith("s3://bucket/videos/")
    found["input"] = [name.rpartition("/")[2] for name in found["input"]]
    expected = rows(tmp_path / "here")
    expected["input"] = [name.rpartition("/")[2] for name in expected["input"]]
    order = ["input", "frame"]
    pd.testing.assert_frame_equal(
        found.sort_values(order, ignore_index=True), expected.sort_values(order, ignore_index=True)
    )
    assert len(inputs(tmp_path / "there")) == len(clips)


# `ray symmetric-run` itself ends all Ray of the machine when it is done, that of other tests, too.
_SYMMETRIC_RUN = """#!{python}
import os, subprocess, sys
from ray.cluster_utils import Cluster
subcommand, *words = sys.argv[1:]
options, command = words[: words.index("--")], words[words.index("--") + 1 :]
given = dict(zip(options[::2], options[1::2]))
assert subcommand == "symmetric-run", sys.argv
assert given["--address"] == "127.0.0.1:6379" and given["--min-nodes"] == "1", given
small = dict(object_store_memory=80_000_000, include_dashboard=False)
cluster = Cluster(
    initialize_head=True, head_node_args=dict(num_cpus=int(given["--num-cpus"]), **small)
)
os.environ["RAY_ADDRESS"] = cluster.address
code = subprocess.run(command).returncode
cluster.shutdown()
sys.exit(code)
"""


@pytest.mark.slow
def test_the_script_for_slurm(tmp_path: Path) -> None:
    """As sbatch would run it on one node, with the variables that it sets."""
    pytest.importorskip("ray")
    write_clips(tmp_path / "videos", 3, 3)
    stubs = tmp_path / "bin"
    stubs.mkdir()
    for name, text in (
        ("scontrol", '#!/bin/sh\n[ "$1 $2 $3" = "show hostnames node1" ] && echo 127.0.0.1\n'),
        ("srun", '#!/bin/sh\nexec "$@"\n'),
        ("auheat", f'#!/bin/sh\nexec "{sys.executable}" -m auheat "$@"\n'),
        ("ray", _SYMMETRIC_RUN.format(python=sys.executable)),
    ):
        (stubs / name).write_text(text)
        (stubs / name).chmod(0o755)
    (tmp_path / "job.sh").write_text(script("#!/bin/bash").replace("/shared", str(tmp_path)))
    environment = os.environ | {
        "PATH": f"{stubs}:{os.environ['PATH']}",
        "SLURM_JOB_NODELIST": "node1",
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_CPUS_PER_TASK": "2",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    done = subprocess.run(
        ["bash", str(tmp_path / "job.sh")],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {row["state"] for row in inputs(tmp_path / "dataset").values()} == {"read"}
    assert len(rows(tmp_path / "dataset")) == 9


def test_the_job_for_kubernetes() -> None:
    """What KubeRay's RayJob asks for is there, and its command is one that auheat takes."""
    yaml = pytest.importorskip("yaml")
    job = yaml.safe_load(script("apiVersion: ray.io"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        (container,) = group["template"]["spec"]["containers"]
        assert {"name", "image", "resources"} <= set(container)
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    assert {"groupName", "replicas"} <= set(groups[1])
    program, subcommand, *words = shlex.split(job["spec"]["entrypoint"])
    assert (program, subcommand) == ("auheat", "corpus")
    from auheat.cli.corpus import read

    context = read.make_context("corpus", words)
    assert (context.params["ray"], context.params["dataset"]) == ("auto", "s3://bucket/dataset")
