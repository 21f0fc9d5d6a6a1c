from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.files import make_folder
from auheat.geometry import Points
from auheat.inference.inputs import gather
from auheat.inference.jobs import PredictionJob
from auheat.inference.outcome import Outcome
from auheat.inference.postprocess import AS_PREDICTED
from auheat.inference.predictor import Predictor
from auheat.inference.writers import Outputs
from auheat.progress import Advance
from stand_ins import KnownFaces, face_from, small_checkpoint, texture, write_video


@pytest.fixture
def predictor(face: Points) -> Predictor:
    """Finds one face in every image; in videos one, two, one, two, ... with ids 0 and 1."""
    known = [face_from(face, 0), face_from(face * 0.6 + 150, 1)]
    return Predictor(small_checkpoint(), KnownFaces([known[:1], known]), device="cpu")


def image(path: Path, seed: int = 0) -> Path:
    Pillow.fromarray(texture(seed, 270, 480)).save(path)
    return path


def clip(path: Path, count: int = 4) -> Path:
    return write_video(path, [texture(i, 270, 480) for i in range(count)])


def run(
    predictor: Predictor, out: Path, *paths: Path, sequence: bool = False, **options: object
) -> list[Outcome]:
    make_folder(out)
    processing = options.pop("processing", AS_PREDICTED)
    about = {name: options.pop(name) for name in ("fps", "progress") if name in options}
    job = PredictionJob(predictor, Outputs(out, **options), processing, **about)  # type: ignore[arg-type]
    return list(job.run(gather(paths, out, sequence=sequence)))


def rows(path: Path) -> list[list[str]]:
    return [line.split(",")[:5] for line in path.read_text("utf-8").splitlines()[1:]]


def test_a_video(tmp_path: Path, media: Path, predictor: Predictor) -> None:
    (outcome,) = run(predictor, tmp_path / "out", clip(media / "a.mp4"))
    assert outcome.problem is None
    assert (outcome.frames, outcome.with_face, outcome.faces) == (4, 4, 2)
    assert outcome.files == [tmp_path / "out" / "a.csv"]
    found = rows(outcome.files[0])
    assert [row[:3] for row in found] == [
        ["1", "0", "0.000"],
        ["2", "0", "0.040"],
        ["2", "1", "0.040"],
        ["3", "0", "0.080"],
        ["4", "0", "0.120"],
        ["4", "1", "0.120"],
    ]


def test_an_image(tmp_path: Path, media: Path, predictor: Predictor) -> None:
    (outcome,) = run(predictor, tmp_path / "out", image(media / "a.png"))
    assert (outcome.frames, outcome.faces, outcome.problem) == (1, 1, None)
    lines = (tmp_path / "out" / "a.csv").read_text().splitlines()
    assert lines[0].startswith("face,confidence,success,AU04_r,")
    assert len(lines) == 2


def test_a_folder_of_images_in_natural_order(
    tmp_path: Path, media: Path, predictor: Predictor
) -> None:
    for i in (10, 9, 1):
        image(media / f"{i}.png")
    (outcome,) = run(predictor, tmp_path / "out", media)
    assert outcome.files == [tmp_path / "out" / "media.csv"]
    assert [row[:2] for row in rows(outcome.files[0])] == [
        ["1.png", "0"],
        ["9.png", "0"],
        ["10.png", "0"],
    ]
    assert (outcome.frames, outcome.faces) == (3, 3)


def test_a_sequence_is_tracked_like_a_video(
    tmp_path: Path, media: Path, predictor: Predictor
) -> None:
    for i in (10, 9, 1):
        image(media / f"{i}.png")
    (outcome,) = run(predictor, tmp_path / "out", media, sequence=True, fps=10.0)
    assert [row[:3] for row in rows(tmp_path / "out" / "media.csv")] == [
        ["1", "0", "0.000"],
        ["2", "0", "0.100"],
        ["2", "1", "0.100"],
        ["3", "0", "0.200"],
    ]
    assert outcome.faces == 2


def test_overlays(tmp_path: Path, media: Path, predictor: Predictor) -> None:
    (media / "day").mkdir()
    for name in ("1.png", "2.jpg"):
        image(media / "day" / name)
    outcomes = run(
        predictor,
        tmp_path / "out",
        clip(media / "a.mp4"),
        image(media / "b.png"),
        media / "day",
        overlay=True,
    )
    out = tmp_path / "out"
    assert [outcome.files for outcome in outcomes] == [
        [out / "a.csv", out / "a.overlay.mp4"],
        [out / "b.csv", out / "b.overlay.jpg"],
        [out / "day.csv", out / "day.overlay"],
    ]
    assert sorted(p.name for p in (out / "day.overlay").iterdir()) == ["1.png.jpg", "2.jpg.jpg"]
    with av.open(str(out / "a.overlay.mp4")) as container:
        frames = [(frame.time, frame.width) for frame in container.decode(video=0)]
    assert [time for time, _ in frames] == pytest.approx([0, 0.04, 0.08, 0.12], abs=1e-4)
    with Pillow.open(out / "b.overlay.jpg") as drawn:
        assert frames[0][1] == drawn.width > 640


def test_one_bad_input_does_not_stop_the_others(
    tmp_path: Path, media: Path, predictor: Predictor
) -> None:
    (media / "text.mp4").write_text("not a video")
    (media / "empty.jpg").touch()
    (media / "nothing").mkdir()
    inputs = [media / n for n in ("none.mp4", "text.mp4", "empty.jpg", "nothing", "a.mp4")]
    clip(media / "a.mp4")
    outcomes = run(predictor, tmp_path / "out", *inputs)
    assert [outcome.path for outcome in outcomes] == inputs
    problems = [outcome.problem or "" for outcome in outcomes]
    for problem, reason, path in zip(
        problems, ("no file", "holds no video", "empty", "no images", ""), inputs, strict=True
    ):
        assert reason in problem
        assert not reason or str(path) in problem
        assert "\n" not in problem
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.csv"]


def test_content_decides_what_a_file_is(tmp_path: Path, media: Path, predictor: Predictor) -> None:
    image(media / "a.png").rename(media / "photo.mp4")
    clip(media / "b.mp4").rename(media / "video.jpg")
    outcomes = run(predictor, tmp_path / "out", media / "photo.mp4", media / "video.jpg")
    assert [outcome.frames for outcome in outcomes] == [1, 4]
    heads = [(tmp_path / "out" / n).read_text()[:5] for n in ("photo.csv", "video.csv")]
    assert heads == ["face,", "frame"]


def test_what_was_measured_before_a_break_is_kept(
    tmp_path: Path, media: Path, predictor: Predictor
) -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (270, 480, 3)).astype(np.uint8) for _ in range(30)]
    path = write_video(media / "a.mkv", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (outcome,) = run(predictor, tmp_path / "out", path, overlay=True)
    assert outcome.problem is not None
    assert str(path) in outcome.problem
    assert f"truncated after frame {outcome.frames}" in outcome.problem
    last = rows(tmp_path / "out" / "a.csv")[-1]
    assert int(last[0]) == outcome.frames > 8
    with av.open(str(tmp_path / "out" / "a.overlay.mp4")) as container:
        assert len(list(container.decode(video=0))) == outcome.frames


def test_bad_images_in_a_folder_are_left_out_and_named(
    tmp_path: Path, media: Path, predictor: Predictor
) -> None:
    for i in range(8):
        image(media / f"{i}.png")
    for i in (1, 3, 5, 7):
        (media / f"{i}.png").write_text("not an image")
    (outcome,) = run(predictor, tmp_path / "out", media)
    assert [row[0] for row in rows(tmp_path / "out" / "media.csv")] == [
        "0.png",
        "2.png",
        "4.png",
        "6.png",
    ]
    assert outcome.problem == f"{media}: 4 of 8 images are left out"
    assert outcome.unread == [
        f"{media / f'{i}.png'} is not an image in a format that can be read" for i in (1, 3, 5, 7)
    ]


def test_a_sequence_whose_size_changes(tmp_path: Path, media: Path, predictor: Predictor) -> None:
    image(media / "1.png")
    Pillow.fromarray(texture(0, 180, 480)).save(media / "2.png")
    (outcome,) = run(predictor, tmp_path / "out", media, sequence=True)
    assert outcome.frames == 1
    assert "2.png has 480x180 pixels" in (outcome.problem or "")


def test_an_interrupt_leaves_finished_results_only(
    tmp_path: Path, media: Path, predictor: Predictor
) -> None:
    @contextmanager
    def interrupted(label: str, total: int | None = None, unit: str = "") -> Iterator[Advance]:
        done = []

        def advance(count: int) -> None:
            done.append(count)
            if label == "b.mp4" and len(done) == 2:
                raise KeyboardInterrupt

        yield advance

    with pytest.raises(KeyboardInterrupt):
        run(predictor, tmp_path / "out", clip(media / "a.mp4"), clip(media / "b.mp4"), overlay=True,
            progress=interrupted)  # fmt: skip
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.csv", "a.overlay.mp4"]


def test_progress_hears_of_every_video_and_folder(
    tmp_path: Path, media: Path, predictor: Predictor
) -> None:
    heard = []

    @contextmanager
    def progress(label: str, total: int | None = None, unit: str = "") -> Iterator[Advance]:
        done: list[int] = []
        yield done.append
        heard.append((label, total, sum(done)))

    (media / "day").mkdir()
    image(media / "day" / "1.png")
    run(predictor, tmp_path / "out", clip(media / "a.mp4", 5), media / "day", progress=progress)
    assert heard == [("a.mp4", 5, 5), ("day", 1, 1)]


def test_summary() -> None:
    files = [Path("out/a.csv"), Path("out/a.overlay.mp4")]
    video = Outcome(Path("a.mp4"), True, 90, 80, 1, 3.0, files)
    assert video.summary == (
        "a.mp4: a face in 80 of 90 frames (1 person), 3.0 s, 30.0 frames/s "
        "-> out/a.csv, out/a.overlay.mp4"
    )
    image = Outcome(Path("a.jpg"), False, 1, 1, 5, 0.5, files[:1])
    assert image.summary == (
        "a.jpg: a face in 1 of 1 image (5 faces), 0.5 s, 2.0 frames/s -> out/a.csv"
    )
    assert Outcome(Path("a.mp4")).fps == 0


def test_folders_for_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert not list((tmp_path / "a" / "b").iterdir())
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "sub"):
        with pytest.raises(AuheatError, match="a file is in the way"):
            make_folder(place)

    def denied(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", denied)
    with pytest.raises(AuheatError, match=r"cannot write to folder .*: Permission denied"):
        make_folder(tmp_path / "a")


def test_events_of_few_frames_a_second_are_noted(
    tmp_path: Path, media: Path, predictor: Predictor
) -> None:
    (media / "frames").mkdir()
    for number in range(3):
        image(media / "frames" / f"{number}.png", number)
    options = {"sequence": True, "events": True}
    (outcome,) = run(predictor, tmp_path / "slow", media / "frames", fps=2.0, **options)
    assert "frames lie 0.5 s apart, and the shortest event is 0.1 s" in str(outcome.note)
    (outcome,) = run(predictor, tmp_path / "out", media / "frames", fps=25.0, **options)
    assert outcome.note is None
