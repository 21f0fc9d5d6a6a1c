"""The code in README and on the website runs, or is at least what the command line accepts."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from importlib import import_module
from itertools import islice
from pathlib import Path

import click
import pytest
import torch

from auheat.cli import main
from auheat.doctor import self_test
from auheat.facs import ALL_AUS, TABLE
from auheat.media.frames import VideoFile
from auheat.media.video_writer import VideoWriter
from auheat.tables.schema import TableSchema
from doc_blocks import ROOT, RUN, SHOWN, Block, blocks, blocks_in, check_auheat, commands, pages

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BLOCKS = blocks()
BASH = [block for block in BLOCKS if block.language == "bash"]
PYTHON = [block for block in BLOCKS if block.language == "python"]
# What may keep a block from being run, in the words of its mark.
REASONS = re.compile(r"^(needs|installs|takes (minutes|hours)|waits|changes)\b")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
FRAMES = 12


def name(block: Block) -> str:
    return block.name


def test_every_block_is_run_checked_or_shown() -> None:
    kinds = Counter(block.language for block in BLOCKS)
    assert set(kinds) <= {*RUN, *SHOWN}, kinds
    assert kinds["bash"] >= 25
    assert kinds["python"] >= 8
    marked = [block for block in BLOCKS if block.not_run]
    assert all(block.language in RUN for block in marked)
    assert not [f"{b.name}: {b.not_run}" for b in marked if not REASONS.search(b.not_run or "")]


def test_no_mark_stands_alone() -> None:
    """A mark that is not directly above a block would do nothing."""
    texts = [page.read_text("utf-8") for page in pages()]
    marks = sum(len(re.findall("^ *<!-- *not run", text, re.MULTILINE)) for text in texts)
    assert marks == sum(bool(block.not_run) for block in BLOCKS)


@pytest.mark.parametrize("block", BASH, ids=name)
def test_commands_are_what_the_command_line_accepts(block: Block) -> None:
    found = list(commands(block.text))
    assert found
    for words in found:
        check(words)


def check(words: list[str]) -> None:
    """Fails unless a command names things that exist."""
    program, *rest = words
    if program == "auheat":
        check_auheat(rest)
    elif program == "torchrun":
        check_auheat(rest[rest.index("auheat") + 1 :])
    elif program == "python":
        script = (ROOT / rest[0]).read_text("utf-8")
        assert all(option in script for option in rest[1:] if option.startswith("--"))
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text("utf-8")
        assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in rest)
    elif program == "pip":
        named = [extra for word in rest for extra in re.findall(r"^auheat\[(.+)\]$", word)]
        assert {extra for names in named for extra in names.split(",")} <= set(EXTRAS)
    else:
        assert program in ("cd", "git"), f"{program} is not known here"


@pytest.mark.parametrize("block", PYTHON, ids=name)
def test_python_compiles_and_imports_what_exists(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("auheat"):
            module = import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names)


def test_verbs_in_the_text_exist() -> None:
    subcommands = set(main.list_commands(click.Context(main)))
    for page in pages():
        for subcommand in re.findall(r"`auheat ([a-z]\w*)", page.read_text("utf-8")):
            assert subcommand in subcommands, f"{page}: auheat {subcommand}"


def test_recipes_over_all_aus_count_closed_eyes_once() -> None:
    """A pattern of AU columns takes AU43_r or its copy AU45_r, not both."""
    names = TableSchema("video", ALL_AUS).columns
    patterns = [
        pattern.replace(r"\\", "\\")
        for page in [*pages(), *sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))]
        for pattern in re.findall(r"(?:regex=r?|grep\()\\?\"([^\"]*_r\$)", page.read_text("utf-8"))
    ]
    assert len(patterns) >= 3
    for pattern in patterns:
        taken = {name for name in names if re.search(pattern, name)}
        assert taken == {f"{au}_r" for au in ALL_AUS}, pattern


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_tests_and_scripts_that_are_named_exist(page: Path) -> None:
    """`tests/test_a.py`, `scripts/a.py`, and `test_a::test_b` with any `::test_c` that follow."""
    text, module = page.read_text("utf-8"), ""
    for path in re.findall(r"\b(?:tests|scripts|benchmarks)/\w+\.py\b", text):
        assert (ROOT / path).is_file(), path
    for named, function in re.findall(r"`(test_\w+)?(?:\.py)?::(test_\w+)", text):
        module = named or module
        code = (ROOT / "tests" / f"{module}.py").read_text("utf-8")
        assert f"def {function}(" in code, f"{module}::{function}"


def test_every_au_is_shown_at_each_level() -> None:
    page = (ROOT / "docs" / "intensity.md").read_text("utf-8")
    for au, unit in TABLE.items():
        assert f"### {au} {unit.title}\n" in page
        assert f"Muscle: {unit.muscle}.\n\n![{au} at levels 0 to 5](images/levels/{au}.jpg)" in page


@pytest.mark.parametrize(
    "line",
    ["auheat predict --no-such-option x", "auheat predikt x", "auheat predict",
     "python benchmarks/sc.py", "make nonsense", "python scripts/none.py",
     "pip install 'auheat[none]'", "curl x"],
)  # fmt: skip
def test_the_check_sees_what_is_wrong(line: str) -> None:
    with pytest.raises((click.UsageError, AssertionError, OSError)):
        for words in commands(f"for x in a b; do\n{line} > out \\\n  2>&1 # why\ndone"):
            check(words)


def test_variables_of_a_script_are_filled_in() -> None:
    script = 'common="a.toml n=1"\nx=\'k=["A","B"]\'\nauheat train $common $x $other'
    assert list(commands(script)) == [["auheat", "train", "a.toml", "n=1", 'k=["A","B"]', "$other"]]


def test_blocks_are_found_with_their_marks() -> None:
    text = "a\n<!-- not run: why -->\n```bash\nx \\\n  y\n```\n\n```python\nz\n```\n"
    first, second = blocks_in(text, "p.md")
    assert first == Block("p.md", 4, "bash", "x \\\n  y", "why")
    assert (second.line, second.text, second.not_run) == (9, "z", None)
    with pytest.raises(ValueError, match=r"p\.md:1 opens"):
        list(blocks_in("```bash\nx", "p.md"))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small files that the documents speak of: short clips, images, a folder, a pickle."""
    folder = tmp_path_factory.mktemp("material")
    image = self_test.folder() / self_test.FACE
    (folder / "folder").mkdir()
    for place in ("photo.jpg", "rest.jpg", "folder/one.jpg", "folder/two.jpg"):
        shutil.copy(image, folder / place)
    write_clip(folder / "clip.mp4")
    for place in ("first", "second", "third", "rest", "film", "talk"):
        shutil.copy(folder / "clip.mp4", folder / f"{place}.mp4")
    (folder / "examples").mkdir()
    for place in ("smiles", "frowns"):
        shutil.copy(folder / "clip.mp4", folder / "examples" / f"{place}.mp4")
    shutil.copytree(ROOT / "docs" / "results", folder / "docs" / "results")
    torch.save({"fc.bias": torch.zeros(3)}, folder / "resnet50.pth")
    done("auheat predict clip.mp4 examples/smiles.mp4 -o out", folder)
    done("auheat predict clip.mp4 -o tidy --format tidy", folder)
    return folder


def write_clip(path: Path) -> None:
    frames = VideoFile(ROOT / "examples" / "smiles.mp4")
    with VideoWriter(path, Fraction(25)) as writer:
        for number, frame in enumerate(islice(frames, 25, 25 + FRAMES)):
            writer.write(frame.image, number / 25)


def done(script: str, folder: Path) -> None:
    """Runs a bash script in a folder, with auheat on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", script]
    ran = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert ran.returncode == 0, f"{script}\n{ran.stdout}\n{ran.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("block", [b for b in BASH if not b.not_run], ids=name)
def test_bash_runs(block: Block, material: Path) -> None:
    done(block.text, material)


# clip.mp4 shows a smile from its first frame on, and a document may take that for rest
@pytest.mark.filterwarnings("ignore:.*a baseline takes off at most:UserWarning")
@pytest.mark.slow
@pytest.mark.parametrize("block", [b for b in PYTHON if not b.not_run], ids=name)
def test_python_runs(block: Block, material: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(material)
    exec(compile(block.text, block.name, "exec"), {"__name__": "__main__"})
