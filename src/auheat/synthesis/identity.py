"""A person: shape, skin, hair, eyes, and how this face shows each Action Unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auheat.facs import ALL_AUS
from auheat.synthesis import anatomy, eyes, facial_hair, growth, hair, wrinkles
from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.assets import FacePack
from auheat.synthesis.face import FaceModel
from auheat.synthesis.fibres import RootedFibres, Segments, SkinMap
from auheat.synthesis.glasses import Glasses, sample_glasses
from auheat.synthesis.resting import Brows, sample_brows
from auheat.synthesis.skin import SkinPainter, sample_tone
from auheat.synthesis.textures import NoiseBank


@dataclass(frozen=True)
class Manner:
    """How a face moves.

    Attributes:
        amplitude: factor on each AU's movement.
        recipe: (AU, shape) -> factor.
        rest: shape weights of the resting face, which may look like an AU and is labelled 0.
        gains: (regions, n) reach of the shapes over the face.
        lopsided: fraction by which the right side lags, may be negative.
        upper_lip: how much of the parting in a full smile is done by the upper lip, 0 to 1.
    """

    amplitude: dict[str, float]
    recipe: dict[tuple[str, str], float]
    rest: Floats32
    gains: Floats32
    lopsided: float
    upper_lip: float


@dataclass(frozen=True)
class Person:
    """Everything about someone that does not change from image to image.

    Attributes:
        age: 0 young to 1 old.
        depth: Place of the skin on the Monk scale, 0 lightest to 1 darkest.
        masculine: Whether face and hair are drawn as a man's.
        neutral: (n, 3) vertices of the geometry before `manner.rest`.
        scalp: (n,).
        height: resting bumps of the skin.
        furrows: what each AU adds to them at intensity 5.
    """

    age: float
    depth: float
    masculine: bool
    neutral: Floats32
    manner: Manner
    albedo: Floats32
    head: Floats32
    height: Floats32
    furrows: dict[str, Floats32]
    iris: Floats32
    hair_colour: Floats32
    scalp: Floats32
    strands: Segments
    brows: RootedFibres
    beard: RootedFibres | None
    glasses: Glasses | None
    cloth: Floats32
    teeth: Floats32
    roughness: float
    oil: float
    bump: float
    veins: float
    lashes: float


@dataclass(frozen=True)
class Look:
    """What must be so about a person; what is None is left to chance, and changes nothing else.

    Attributes:
        age: 0 young to 1 old.
        depth: Place of the skin on the Monk scale, 0 lightest to 1 darkest.
        glasses: Whether they are worn.
        beard: Whether one grows.
        fringe: Whether hair hangs over the forehead.
        unrest: Factor on how far the resting face is from the average one.
    """

    age: float | None = None
    depth: float | None = None
    glasses: bool | None = None
    beard: bool | None = None
    fringe: bool | None = None
    unrest: float = 1.0


class PersonSampler:
    """Draws people for a face model. The same generator state gives the same person."""

    def __init__(self, model: FaceModel, noise: NoiseBank | None = None) -> None:
        self._model = model
        self._noise = noise or NoiseBank()
        self._skin_map = SkinMap(model.pack)
        self._painter = SkinPainter(model.landmark_uv, model.pack.skins, self._noise)
        self._wrinkles = wrinkles.WrinkleBank()

    def sample(
        self,
        rng: np.random.Generator,
        skins: tuple[int, ...] = (),
        plain: bool = False,
        look: Look | None = None,
    ) -> Person:
        """A person.

        Args:
            rng: Decides everything that is left to chance.
            skins: Indices of the pack's painted skins that may be used.
            plain: An average mover without glasses and beard, for images that compare AUs.
            look: What must be so.
        """
        look = look or Look()
        pack, marks = self._model.pack, self._model.landmark_uv
        coefficients = _shape(rng, len(pack.identities))
        tone, age = sample_tone(rng, look.depth), float(rng.random() ** 1.3)
        age = age if look.age is None else look.age
        masculine = bool(rng.random() < 0.5)
        # what grows or is worn draws from generators of its own, so that it changes nothing else
        of_hair, of_beard, of_glasses = map(np.random.default_rng, rng.integers(0, 2**63, 3))
        brows_at = Brows() if plain else sample_brows(rng, age, masculine, look.unrest)
        neutral = self._model.neutral(coefficients, brows_at)
        albedo, head = self._painter.paint(rng, tone, skins, age)
        hair_colour = hair.sample_colour(rng, tone.depth, age)
        style = hair.sample_style(of_hair, masculine, look.fringe)
        scalp = hair.scalp(of_hair, pack.vertices, style)
        strands = Segments.join([])
        if style is not None:
            normals = self._model.normals(neutral)
            strands = growth.grow(of_hair, pack, neutral, normals, scalp, style, hair_colour)
        dark = hair_colour * rng.uniform(0.4, 0.95) * (0.6 if hair_colour.mean() > 0.1 else 1.0)
        heavy = float(np.clip(rng.normal(0.55 if masculine else 0.35, 0.25), 0, 1))
        brows = facial_hair.grow_brows(rng, marks, self._skin_map, floats(dark), heavy)
        albedo = facial_hair.painted(albedo, brows.paint, floats(dark))
        beard = None
        bearded = masculine and of_beard.random() < 0.6 and not plain
        if bearded if look.beard is None else look.beard:
            beard = facial_hair.grow_beard(
                of_beard, marks, self._skin_map, hair_colour, self._noise
            )
            albedo = facial_hair.painted(albedo, beard.paint, hair_colour * 0.9)
        glasses = None
        worn = of_glasses.random() < 0.2 and not plain
        if worn if look.glasses is None else look.glasses:
            glasses = sample_glasses(of_glasses, neutral[pack.landmarks])
        lines = self._wrinkles.sample(rng)
        shiny = bool(rng.random() < 0.2)
        return Person(
            age=age,
            depth=tone.depth,
            masculine=masculine,
            neutral=neutral,
            manner=_plain_manner(self._model) if plain else _manner(rng, self._model, look.unrest),
            albedo=albedo,
            head=head,
            height=self._resting_height(rng, lines, age),
            furrows=wrinkles.furrows(rng, lines, age),
            iris=eyes.sample_iris(rng, tone.depth),
            hair_colour=hair_colour,
            scalp=scalp,
            strands=strands,
            brows=brows.fibres,
            beard=beard.fibres if beard else None,
            glasses=glasses,
            cloth=floats(rng.random(3) ** 2 * 0.6 + 0.01),
            teeth=floats(np.array([0.62, 0.57, 0.47]) * rng.uniform(0.7, 1.15)),
            roughness=float(rng.uniform(0.28, 0.36) if shiny else rng.uniform(0.34, 0.56)),
            oil=float(rng.uniform(0.9, 1.7) if shiny else rng.uniform(0.3, 0.95)),
            bump=float(rng.uniform(0.35, 0.7)),
            veins=float(rng.uniform(0, 0.7)),
            lashes=float(rng.uniform(0.15, 0.4 if masculine else 0.65)),
        )

    def _resting_height(
        self, rng: np.random.Generator, lines: dict[str, Floats32], age: float
    ) -> Floats32:
        """Pores, and the lines that age has left: forehead, folds, crow's feet."""
        worn = 0.6 * (lines["AU01"] + lines["AU02"]) + 0.8 * lines["AU12"] + 0.4 * lines["AU06"]
        worn = worn + 0.4 * lines["AU04"] * rng.random()
        height = (
            0.5 + self._painter.pores(rng, wrinkles.SIZE) + 0.1 * age * rng.uniform(0.2, 1.1) * worn
        )
        for line in wrinkles.lines_at_rest(rng, lines, age):
            height = height + line
        return floats(height)


def _shape(rng: np.random.Generator, components: int) -> Floats32:
    coefficients = rng.standard_normal(components) * 0.95
    coefficients[:8] = np.clip(coefficients[:8], -1.8, 1.8)
    return floats(coefficients)


# Shapes whose resting weight differs between people, and by how much (one standard deviation).
_REST_SPREAD = {
    "browDown": 0.07, "browInnerUp": 0.08, "browOuterUp": 0.07, "browTogether": 0.07,
    "eyeSquint": 0.14, "eyeWide": 0.10, "eyeBlink": 0.04, "cheekSquint": 0.06, "noseSneer": 0.04,
    "mouthSmile": 0.06, "mouthFrown": 0.10, "mouthDimple": 0.05, "mouthPress": 0.10,
    "mouthStretch": 0.08, "mouthUpperUp": 0.03, "lipCornerPit": 0.08,
}  # fmt: skip
_REST_MIDDLE = {
    "mouthShrugLower": 0.06, "mouthPucker": 0.07, "jawForward": 0.08, "mouthRollLower": 0.07,
    "mouthRollUpper": 0.07, "lipFlatten": 0.18, "lipTighten": 0.14,
}  # fmt: skip


def _manner(rng: np.random.Generator, model: FaceModel, unrest: float) -> Manner:
    spread = unrest * rng.choice([0.5, 1.0, 1.5], p=[0.35, 0.45, 0.2])
    rest: dict[str, float] = {}
    for shape, deviation in _REST_SPREAD.items():
        both, lean = rng.normal(0, deviation * spread), rng.normal(0, 0.3 * deviation)
        rest[f"{shape}_L"], rest[f"{shape}_R"] = both + lean, both - lean
    for shape, deviation in _REST_MIDDLE.items():
        rest[shape] = rng.normal(0, deviation * spread)
    rest["jawLeft"] = abs(rng.normal(0, 0.05))
    recipe = {
        (au, shape): float(np.exp(rng.normal(0, 0.12)))
        for au, shapes in anatomy.RECIPES.items()
        for shape in shapes
    }
    # some people's mouth corners are drawn in, some people's cheeks dimple beside them
    recipe["AU14", "lipCornerPit"] *= float(rng.uniform(0.4, 1.5))
    recipe["AU14", "mouthPress"] *= float(rng.uniform(0.0, 2.0))
    # some frown with the whole brow, some slant it, some hardly move its tail
    recipe["AU04", "browDown"] *= float(rng.uniform(0.6, 1.5))
    recipe["AU04", "browTogether"] *= float(rng.uniform(0.0, 2.5))
    recipe["AU04", "browInnerUp"] *= float(rng.uniform(0.2, 1.6))
    recipe["AU04", "browOuterUp"] *= float(rng.uniform(-0.75, 2.75))
    # the ring muscle around the eye pulls some people's brows down when it raises the cheeks
    recipe["AU06", "browDown"] *= float(rng.uniform(0.0, 2.5))
    # a chin that is pushed up bends some mouths more than others
    recipe["AU17", "mouthFrown"] *= float(rng.uniform(0.0, 2.0))
    recipe["AU17", "mouthRollLower"] *= float(rng.uniform(-0.5, 2.5))
    recipe["AU17", "mouthShrugLower"] *= float(rng.uniform(0.7, 1.25))
    recipe["AU43", "eyeBlink"] = 1.0  # lids that are shut have met
    amplitude = {au: float(rng.uniform(0.85, 1.15)) for au in ALL_AUS} | {"AU43": 1.0}
    amplitude["AU04"] *= float(rng.uniform(0.9, 1.25))
    return Manner(
        amplitude=amplitude,
        recipe=recipe,
        rest=model.weights(rest),
        gains=_gains(rng, model.pack),
        lopsided=float(rng.normal(0, 0.06)),
        upper_lip=float(rng.uniform(0.3, 1.0)),
    )


def _plain_manner(model: FaceModel) -> Manner:
    return Manner(
        amplitude=dict.fromkeys(ALL_AUS, 1.0),
        recipe={(au, s): 1.0 for au, shapes in anatomy.RECIPES.items() for s in shapes},
        rest=model.weights({}),
        gains=np.ones((len(anatomy.REGIONS), len(model.pack.vertices)), np.float32),
        lopsided=0.0,
        upper_lip=0.7,
    )


def _gains(rng: np.random.Generator, pack: FacePack) -> Floats32:
    """Smooth factors around 1 over the face, one field per region, (regions, n)."""
    waves = rng.normal(0, 0.22, (6, 3))
    fields = np.sin(pack.vertices @ waves.T + rng.uniform(0, 6.28, 6))
    mixed = fields @ rng.normal(0, 0.075, (6, len(anatomy.REGIONS)))
    return floats((1 + mixed).T)
