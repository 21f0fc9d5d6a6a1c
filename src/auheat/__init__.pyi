from auheat import metrics as metrics
from auheat.drawing.overlay import draw as draw
from auheat.errors import AuheatError as AuheatError
from auheat.evaluation.assess import evaluate as evaluate
from auheat.evaluation.report import Report as Report
from auheat.inference.calibration import Baseline as Baseline
from auheat.inference.calibration import PersonBaseline as PersonBaseline
from auheat.inference.events import find_events as find_events
from auheat.inference.live import LiveTracker as LiveTracker
from auheat.inference.predictor import Predictor as Predictor
from auheat.inference.predictor import load as load
from auheat.inference.video import VideoPrediction as VideoPrediction
from auheat.pose import HeadPose as HeadPose
from auheat.results import Face as Face
from auheat.results import FacePrediction as FacePrediction
from auheat.results import FrameResult as FrameResult
from auheat.tables.reading import read_table as read_table

__version__: str
__all__: list[str]
