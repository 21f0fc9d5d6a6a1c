"""Converts the face models of the mediapipe wheel to ONNX, and checks them against the originals.

    python scripts/convert_mediapipe.py [-o FOLDER]
    python scripts/convert_mediapipe.py --check ASSETS [--images 200]

The first form writes the four models that come with auheat. The second compares them with the
originals on rendered faces (ASSETS: a face pack) and writes the differences beside the models, as
`parity.json`. It needs mediapipe and ai-edge-litert, which runs the originals; the attention mesh
has operators of MediaPipe's own and is run by mediapipe itself.

Every model takes one RGB image (1, H, W, 3) uint8. Detectors give `regressors` (1, N, 16), in
pixels of their input, and `scores` (1, N) from 0 to 1. Meshes give `landmarks` (1, N, 3), in pixels
of their input from its outer edge, and `presence` (1, 1) from 0 to 1. The attention mesh gives 478
landmarks: the places of lips and eyes are those of its own refining networks, then come the irises,
whose depth is the mean depth of the eye's contour.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.files import atomic_write, make_folder
from auheat.onnx import open_session
from auheat.sums import write_sums

if TYPE_CHECKING:
    import onnx

    from tflite_to_onnx import OnnxWriter, TfliteFile

FOLDER = Path(__file__).parents[1] / "src" / "auheat" / "faces" / "models"
LANDMARKS = 468
EYE_CONTOUR = 16  # of the landmarks of an eye, the first ones go around it


# Mediapipe's attention mesh on a region of an image.
MESH_GRAPH = """
input_stream: "IMAGE:image"
input_stream: "ROI:region"
input_side_packet: "WITH_ATTENTION:with_attention"
output_stream: "LANDMARKS:landmarks"
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:region"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:landmarks"
}
"""


@dataclass(frozen=True)
class FaceModel:
    """A model of the wheel.

    Attributes:
        name: of the ONNX file.
        source: of the .tflite file, in `mediapipe/modules`.
        scale, offset: from grey levels to what the network reads.
        is_detector: whether it detects faces; else it finds landmarks.
    """

    name: str
    source: str
    scale: float
    offset: float
    is_detector: bool


MODELS = (
    FaceModel(
        "face_detection_short_range",
        "face_detection/face_detection_short_range.tflite",
        *(1 / 127.5, -1.0),
        is_detector=True,
    ),
    FaceModel(
        "face_detection_full_range",
        "face_detection/face_detection_full_range_sparse.tflite",
        *(1 / 127.5, -1.0),
        is_detector=True,
    ),
    FaceModel("face_mesh", "face_landmark/face_landmark.tflite", 1 / 255, 0.0, is_detector=False),
    FaceModel(
        "face_mesh_attention",
        "face_landmark/face_landmark_with_attention.tflite",
        *(1 / 255, 0.0),
        is_detector=False,
    ),
)


def file_of(model: FaceModel) -> str:
    """The name of what is written, an ONNX model packed by gzip."""
    return f"{model.name}.onnx.gz"


def source_of(model: FaceModel) -> Path:
    """The original, where mediapipe is installed."""
    spec = find_spec("mediapipe")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'mediapipe'", name="mediapipe")
    return Path(spec.origin).parent / "modules" / model.source


def converted(model: FaceModel) -> onnx.ModelProto:
    """The ONNX model, with its origin in the metadata."""
    from onnx import TensorProto, helper

    from tflite_to_onnx import OnnxWriter, TfliteFile

    path = source_of(model)
    source = TfliteFile(path.read_bytes())
    write = OnnxWriter(source)
    shape = source.shape(source.inputs[0])
    image = write.node("Transpose", ["image"], perm=[0, 3, 1, 2])
    image = write.node("Cast", [image], to=TensorProto.FLOAT)
    image = write.node("Mul", [image, write.stored(np.array(model.scale, np.float32))])
    if model.offset:
        image = write.node("Add", [image, write.stored(np.array(model.offset, np.float32))])
    write.names[source.inputs[0]] = image
    write.translate()
    outputs = (_detections if model.is_detector else _landmarks)(write)
    result = write.model(
        [helper.make_tensor_value_info("image", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
    )
    helper.set_model_props(
        result,
        {
            "source": f"mediapipe {version('mediapipe')}, modules/{model.source}",
            "source_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "license": "Apache-2.0, Copyright The MediaPipe Authors",
        },
    )
    return result


def _detections(write: OnnxWriter) -> dict[str, list[int]]:
    regressors, logits = write.source.outputs
    count = write.source.shape(logits)[1]
    flat = write.node("Reshape", [write.names[logits], write.stored(np.array([1, count]))])
    write.rename(write.names[regressors], "regressors")
    write.rename(write.node("Sigmoid", [flat]), "scores")
    return {"regressors": [1, count, 16], "scores": [1, count]}


def _landmarks(write: OnnxWriter) -> dict[str, list[int]]:
    names = {write.source.name(output): write.names[output] for output in write.source.outputs}
    mesh = names.get("output_mesh_identity", names.get("conv2d_21"))
    presence = names.get("conv_faceflag", names.get("conv2d_31"))
    assert mesh is not None
    assert presence is not None
    points = write.node("Reshape", [mesh, write.stored(np.array([1, LANDMARKS, 3]))])
    count = LANDMARKS
    if "output_lips" in names:
        points, count = _refined(write, points, names), LANDMARKS + 10
    presence = write.node("Reshape", [presence, write.stored(np.array([1, 1]))])
    write.rename(points, "landmarks")
    write.rename(write.node("Sigmoid", [presence]), "presence")
    return {"landmarks": [1, count, 3], "presence": [1, 1]}


def _refined(write: OnnxWriter, mesh: str, names: dict[str, str]) -> str:
    """The mesh (1, 468, 3) with the places of lips and eyes replaced, and ten iris points."""
    lips, left_eye, right_eye = _refined_landmarks(write.source)
    parts = {"lips": lips, "left_eye": left_eye, "right_eye": right_eye}
    parts |= {"left_iris": list(range(468, 473)), "right_iris": list(range(473, 478))}
    places = [_columns(write, mesh, 0, 2)]
    order, count = np.arange(LANDMARKS + 10), LANDMARKS
    for part, vertices in parts.items():
        shape = write.stored(np.array([1, len(vertices), 2]))
        places.append(write.node("Reshape", [names[f"output_{part}"], shape]))
        order[vertices] = np.arange(count, count + len(vertices))
        count += len(vertices)
    everything = write.node("Concat", places, axis=1)
    place = write.node("Gather", [everything, write.stored(order)], axis=1)
    depths = [_columns(write, mesh, 2, 3)]
    for eye in (left_eye, right_eye):
        contour = write.stored(np.array(eye[:EYE_CONTOUR]))
        around = write.node("Gather", [depths[0], contour], axis=1)
        depths += [write.node("ReduceMean", [around], axes=[1], keepdims=1)] * 5
    return write.node("Concat", [place, write.node("Concat", depths, axis=1)], axis=2)


def _refined_landmarks(source: TfliteFile) -> list[list[int]]:
    """The vertices that each refining network gives, in its order: those it crops by."""
    from flatbuffers import flexbuffers

    return [
        flexbuffers.Loads(bytes(operator.CustomOptionsAsNumpy()))["subset_idxs"]
        for name, operator in source.operators()
        if name == "Landmarks2TransformMatrix"
    ]


def _columns(write: OnnxWriter, points: str, first: int, last: int) -> str:
    return write.node("Slice", [points, *(write.stored(np.array([n])) for n in (first, last, 2))])


# Comparing with the originals


def compare(folder: Path, assets: Path, images: int) -> dict[str, dict[str, float]]:
    """Largest differences from the originals, by model.

    Landmarks and regressors are compared in pixels of the model's input, and only where either
    says that there is a face (presence or score above a half); scores everywhere.
    """
    pairs: dict[str, tuple[Callable[..., Any], Callable[..., Any], int]] = {}
    for model in MODELS:
        session = open_session(folder / file_of(model))
        side = session.get_inputs()[0].shape[1]
        original = _mediapipe_mesh() if "attention" in model.name else _litert(model)
        pairs[model.name] = (
            original,
            lambda image, run=session.run: run(None, {"image": image[None]}),
            side,
        )
    found = {m.name: {"images": 0, "with_face": 0, "pixels": 0.0, "score": 0.0} for m in MODELS}
    for view in _views(assets, images):
        for model in MODELS:
            original, ours, side = pairs[model.name]
            image = view(side, model.is_detector)
            (points, score), (our_points, our_score) = original(image), ours(image)
            if points is None:  # mediapipe gives no mesh where it sees no face
                points, score = our_points, our_score
            result = found[model.name]
            faces = np.maximum(score.ravel(), our_score.ravel()) > 0.5
            difference = np.abs(points.reshape(our_points.shape) - our_points)[0]
            if not model.is_detector:
                difference, faces = difference[None], faces[:1]
            result["images"] += 1
            result["with_face"] += bool(faces.any())
            result["score"] = max(result["score"], float(np.abs(score - our_score).max()))
            if faces.any():
                result["pixels"] = max(result["pixels"], float(difference[faces].max()))
    return found


def _views(assets: Path, images: int) -> Iterator[Callable[[int, bool], NDArray[np.uint8]]]:
    """Rendered faces. Each is a function of side and whether the whole image is wanted."""
    import cv2

    from auheat.faces.crop import CropSpec
    from auheat.faces.detection import Region
    from auheat.synthesis.assets import load_pack
    from auheat.synthesis.studio import Studio

    studio, frame = Studio(load_pack(assets)), CropSpec(160, pad=80)
    for number in range(images):
        person = studio.person(7, number)
        image = studio.random_image(person, (7, number, 0), frame.transform, frame.side).image
        rng = np.random.default_rng([7, number])
        centre = (frame.side / 2 + rng.normal(0, 8), frame.side / 2 + rng.normal(0, 8))
        region = Region(centre, float(rng.uniform(180, 280)), float(rng.normal(0, 12)))

        def view(
            side: int,
            whole: bool,
            image: NDArray[np.uint8] = image,
            region: Region = region,
        ) -> NDArray[np.uint8]:
            if whole:
                return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA))
            return CropSpec(side).extract(image, region.transform(side))

        yield view


def _litert(model: FaceModel) -> Callable[..., tuple[Any, Any]]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(source_of(model)), num_threads=1)
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]
    points, score = (output["index"] for output in interpreter.get_output_details()[:2])

    def run(image: NDArray[np.uint8]) -> tuple[Any, Any]:
        scaled = image[None] * np.float32(model.scale) + np.float32(model.offset)
        interpreter.set_tensor(place, scaled)
        interpreter.invoke()
        logits = interpreter.get_tensor(score).reshape(1, -1)
        with np.errstate(over="ignore"):
            return interpreter.get_tensor(points), 1 / (1 + np.exp(-logits))

    return run


def _mediapipe_mesh() -> Callable[..., tuple[Any, Any]]:
    """Mediapipe's attention mesh on a patch; no points where it sees no face."""
    from mediapipe.framework.formats.rect_pb2 import NormalizedRect
    from mediapipe.python.solution_base import SolutionBase

    graph = SolutionBase(
        graph_config=MESH_GRAPH,
        side_inputs={"with_attention": True},
        outputs=["landmarks", "facelandmarkcpu__face_presence_score"],
    )
    whole = NormalizedRect(x_center=0.5, y_center=0.5, width=1.0, height=1.0)

    def run(image: NDArray[np.uint8]) -> tuple[Any, Any]:
        result = graph.process({"image": image, "region": whole})
        presence = np.array([[result.facelandmarkcpu__face_presence_score]])
        if result.landmarks is None:
            return None, presence
        points = [(point.x, point.y, point.z) for point in result.landmarks.landmark]
        return np.array([points]) * len(image), presence

    return run


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=FOLDER,
        help="folder of the models, to write or to look at (default: that of auheat)",
    )
    parser.add_argument(
        "--check",
        type=Path,
        metavar="ASSETS",
        help="write no model, but compare those that are there with the originals, on faces drawn "
        "with these face assets, and write parity.json",
    )
    parser.add_argument(
        "--images",
        type=int,
        default=200,
        metavar="N",
        help="how many faces to compare on (default: 200)",
    )
    options = parser.parse_args()
    try:
        run(options)
    except ModuleNotFoundError as error:
        parser.exit(2, f"{error.name} is not installed: pip install onnx '.[mediapipe]'\n")
    except AuheatError as error:
        parser.exit(2, f"{error}\n")


def run(options: argparse.Namespace) -> None:
    if options.check is None:
        make_folder(options.out)
        for model in MODELS:
            content = converted(model).SerializeToString()
            with atomic_write(options.out / file_of(model)) as temporary:
                temporary.write_bytes(gzip.compress(content, mtime=0))
        write_sums(options.out / file_of(model) for model in MODELS)
        return
    found = compare(options.out, options.check, options.images)
    for name, result in found.items():
        print(name, result)
    with atomic_write(options.out / "parity.json") as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
