"""The colours of people, for drawings, the page and reports alike.

They can be told apart by people who see few colours (Okabe and Ito, 2008), and are darker on white.
"""

from __future__ import annotations

from typing import NamedTuple

Colour = tuple[int, int, int]


class PersonColour(NamedTuple):
    """A person's colour.

    Attributes:
        on_dark: RGB on images, and on dark pages.
        on_light: RGB on white.
    """

    on_dark: Colour
    on_light: Colour


PEOPLE = (
    PersonColour((86, 180, 233), (0, 114, 178)),
    PersonColour((230, 159, 0), (184, 106, 0)),
    PersonColour((0, 170, 125), (0, 120, 90)),
    PersonColour((204, 121, 167), (168, 69, 127)),
    PersonColour((240, 228, 66), (119, 108, 0)),
    PersonColour((213, 94, 0), (178, 60, 5)),
)


def face_colour(face_id: int) -> Colour:
    """The colour of a face's marks on an image."""
    return PEOPLE[face_id % len(PEOPLE)].on_dark
