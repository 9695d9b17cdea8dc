"""Categories of panoptic data sets: things and stuff, and what they are to the semantic branch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rsp_lab.data.labels import CITYSCAPES, CITYSCAPES_LABEL_IDS, UNNAMED, ClassTable, Colour, hue_circle

THINGS = "things"
"""What the semantic branch calls all things together: its class 0."""
THINGS_COLOUR: Colour = (96, 96, 96)
VOID = 0
"""The segment id of pixels that belong to no segment."""


@dataclass(frozen=True)
class Category:
    """A category of the COCO panoptic layout.

    Attributes:
        id: as files have it, at least 1.
        name: as people call it.
        is_thing: whether its instances are told apart.
        colour: RGB, 0 to 255.
    """

    id: int
    name: str
    is_thing: bool
    colour: Colour


@dataclass(frozen=True)
class PanopticTable:
    """The categories of a panoptic data set, things and stuff each in the order of their ids.

    Attributes:
        name: the table's name, a key of :data:`PANOPTIC_TABLES`.
        categories: in the order of their ids.
    """

    name: str
    categories: tuple[Category, ...]

    def __post_init__(self) -> None:
        ids, names = [c.id for c in self.categories], [c.name for c in self.categories]
        if ids != sorted(set(ids)) or not ids or ids[0] < 1:
            raise ValueError(f"panoptic table {self.name!r}: ids must be at least 1 and rise, got {ids}.")
        if len(set(names)) < len(names) or THINGS in names:
            raise ValueError(f"panoptic table {self.name!r}: names must differ, and none may be {THINGS!r}.")

    @cached_property
    def things(self) -> tuple[Category, ...]:
        """Categories whose instances are told apart; a class of the instance branch is a place in here."""
        return tuple(category for category in self.categories if category.is_thing)

    @cached_property
    def stuff(self) -> tuple[Category, ...]:
        """All others; kind ``i`` is class ``i + 1`` of the semantic branch."""
        return tuple(category for category in self.categories if not category.is_thing)

    @cached_property
    def by_id(self) -> dict[int, Category]:
        """Categories by their id."""
        return {category.id: category for category in self.categories}

    @cached_property
    def semantic(self) -> ClassTable:
        """The classes of the semantic branch: things together as 0, then each kind of stuff; raw ids are category ids.

        Ids beyond 255 are left out of the raw ids, which label files of one byte could not hold.
        """
        return ClassTable(
            name=self.name,
            classes=(THINGS, *(category.name for category in self.stuff)),
            palette=(THINGS_COLOUR, *(category.colour for category in self.stuff)),
            raw_ids=tuple((c.id, self.semantic_class(c.id)) for c in self.categories if c.id < 256),
        )

    @cached_property
    def _semantic_classes(self) -> dict[int, int]:
        stuff = {category.id: place for place, category in enumerate(self.stuff, start=1)}
        return dict.fromkeys((category.id for category in self.things), 0) | stuff

    def semantic_class(self, category_id: int) -> int:
        """The semantic branch's class of a category.

        Raises:
            ValueError: for an id that the table does not have.
        """
        self.check_ids([category_id])
        return self._semantic_classes[category_id]

    def check_ids(self, ids: Iterable[int], where: str = "") -> None:
        """Raises ValueError, with ``where`` in front, if one of the ids is none of the table's categories."""
        unknown = sorted(set(ids) - self.by_id.keys())
        if unknown:
            place = f"{where}: " if where else ""
            raise ValueError(
                f"{place}unknown category {', '.join(map(str, unknown[:8]))}; {self.name!r} has {len(self.categories)} "
                f"categories with ids {self.categories[0].id} to {self.categories[-1].id}. Give "
                "each segment the id of one of them."
            )


def _of_streets() -> tuple[Category, ...]:
    """Cityscapes' classes under their label ids, persons and vehicles being things."""
    return tuple(
        Category(raw, name, place >= CITYSCAPES.index("person"), colour)
        for place, (raw, name, colour) in enumerate(
            zip(CITYSCAPES_LABEL_IDS, CITYSCAPES.classes, CITYSCAPES.palette, strict=True)
        )
    )


_COCO = (
    Category(1, "person", True, (220, 20, 60)),
    Category(2, "bicycle", True, (119, 11, 32)),
    Category(3, "car", True, (0, 0, 142)),
    Category(4, "motorcycle", True, (0, 0, 230)),
    Category(5, "airplane", True, (106, 0, 228)),
    Category(6, "bus", True, (0, 60, 100)),
    Category(7, "train", True, (0, 80, 100)),
    Category(8, "truck", True, (0, 0, 70)),
    Category(9, "boat", True, (0, 0, 192)),
    Category(10, "traffic light", True, (250, 170, 30)),
    Category(11, "fire hydrant", True, (100, 170, 30)),
    Category(13, "stop sign", True, (220, 220, 0)),
    Category(14, "parking meter", True, (175, 116, 175)),
    Category(15, "bench", True, (250, 0, 30)),
    Category(16, "bird", True, (165, 42, 42)),
    Category(17, "cat", True, (255, 77, 255)),
    Category(18, "dog", True, (0, 226, 252)),
    Category(19, "horse", True, (182, 182, 255)),
    Category(20, "sheep", True, (0, 82, 0)),
    Category(21, "cow", True, (120, 166, 157)),
    Category(22, "elephant", True, (110, 76, 0)),
    Category(23, "bear", True, (174, 57, 255)),
    Category(24, "zebra", True, (199, 100, 0)),
    Category(25, "giraffe", True, (72, 0, 118)),
    Category(27, "backpack", True, (255, 179, 240)),
    Category(28, "umbrella", True, (0, 125, 92)),
    Category(31, "handbag", True, (209, 0, 151)),
    Category(32, "tie", True, (188, 208, 182)),
    Category(33, "suitcase", True, (0, 220, 176)),
    Category(34, "frisbee", True, (255, 99, 164)),
    Category(35, "skis", True, (92, 0, 73)),
    Category(36, "snowboard", True, (133, 129, 255)),
    Category(37, "sports ball", True, (78, 180, 255)),
    Category(38, "kite", True, (0, 228, 0)),
    Category(39, "baseball bat", True, (174, 255, 243)),
    Category(40, "baseball glove", True, (45, 89, 255)),
    Category(41, "skateboard", True, (134, 134, 103)),
    Category(42, "surfboard", True, (145, 148, 174)),
    Category(43, "tennis racket", True, (255, 208, 186)),
    Category(44, "bottle", True, (197, 226, 255)),
    Category(46, "wine glass", True, (171, 134, 1)),
    Category(47, "cup", True, (109, 63, 54)),
    Category(48, "fork", True, (207, 138, 255)),
    Category(49, "knife", True, (151, 0, 95)),
    Category(50, "spoon", True, (9, 80, 61)),
    Category(51, "bowl", True, (84, 105, 51)),
    Category(52, "banana", True, (74, 65, 105)),
    Category(53, "apple", True, (166, 196, 102)),
    Category(54, "sandwich", True, (208, 195, 210)),
    Category(55, "orange", True, (255, 109, 65)),
    Category(56, "broccoli", True, (0, 143, 149)),
    Category(57, "carrot", True, (179, 0, 194)),
    Category(58, "hot dog", True, (209, 99, 106)),
    Category(59, "pizza", True, (5, 121, 0)),
    Category(60, "donut", True, (227, 255, 205)),
    Category(61, "cake", True, (147, 186, 208)),
    Category(62, "chair", True, (153, 69, 1)),
    Category(63, "couch", True, (3, 95, 161)),
    Category(64, "potted plant", True, (163, 255, 0)),
    Category(65, "bed", True, (119, 0, 170)),
    Category(67, "dining table", True, (0, 182, 199)),
    Category(70, "toilet", True, (0, 165, 120)),
    Category(72, "tv", True, (183, 130, 88)),
    Category(73, "laptop", True, (95, 32, 0)),
    Category(74, "mouse", True, (130, 114, 135)),
    Category(75, "remote", True, (110, 129, 133)),
    Category(76, "keyboard", True, (166, 74, 118)),
    Category(77, "cell phone", True, (219, 142, 185)),
    Category(78, "microwave", True, (79, 210, 114)),
    Category(79, "oven", True, (178, 90, 62)),
    Category(80, "toaster", True, (65, 70, 15)),
    Category(81, "sink", True, (127, 167, 115)),
    Category(82, "refrigerator", True, (59, 105, 106)),
    Category(84, "book", True, (142, 108, 45)),
    Category(85, "clock", True, (196, 172, 0)),
    Category(86, "vase", True, (95, 54, 80)),
    Category(87, "scissors", True, (128, 76, 255)),
    Category(88, "teddy bear", True, (201, 57, 1)),
    Category(89, "hair drier", True, (246, 0, 122)),
    Category(90, "toothbrush", True, (191, 162, 208)),
    Category(92, "banner", False, (255, 255, 128)),
    Category(93, "blanket", False, (147, 211, 203)),
    Category(95, "bridge", False, (150, 100, 100)),
    Category(100, "cardboard", False, (168, 171, 172)),
    Category(107, "counter", False, (146, 112, 198)),
    Category(109, "curtain", False, (210, 170, 100)),
    Category(112, "door-stuff", False, (92, 136, 89)),
    Category(118, "floor-wood", False, (218, 88, 184)),
    Category(119, "flower", False, (241, 129, 0)),
    Category(122, "fruit", False, (217, 17, 255)),
    Category(125, "gravel", False, (124, 74, 181)),
    Category(128, "house", False, (70, 70, 70)),
    Category(130, "light", False, (255, 228, 255)),
    Category(133, "mirror-stuff", False, (154, 208, 0)),
    Category(138, "net", False, (193, 0, 92)),
    Category(141, "pillow", False, (76, 91, 113)),
    Category(144, "platform", False, (255, 180, 195)),
    Category(145, "playingfield", False, (106, 154, 176)),
    Category(147, "railroad", False, (230, 150, 140)),
    Category(148, "river", False, (60, 143, 255)),
    Category(149, "road", False, (128, 64, 128)),
    Category(151, "roof", False, (92, 82, 55)),
    Category(154, "sand", False, (254, 212, 124)),
    Category(155, "sea", False, (73, 77, 174)),
    Category(156, "shelf", False, (255, 160, 98)),
    Category(159, "snow", False, (255, 255, 255)),
    Category(161, "stairs", False, (104, 84, 109)),
    Category(166, "tent", False, (169, 164, 131)),
    Category(168, "towel", False, (225, 199, 255)),
    Category(171, "wall-brick", False, (137, 54, 74)),
    Category(175, "wall-stone", False, (135, 158, 223)),
    Category(176, "wall-tile", False, (7, 246, 231)),
    Category(177, "wall-wood", False, (107, 255, 200)),
    Category(178, "water-other", False, (58, 41, 149)),
    Category(180, "window-blind", False, (183, 121, 142)),
    Category(181, "window-other", False, (255, 73, 97)),
    Category(184, "tree-merged", False, (107, 142, 35)),
    Category(185, "fence-merged", False, (190, 153, 153)),
    Category(186, "ceiling-merged", False, (146, 139, 141)),
    Category(187, "sky-other-merged", False, (70, 130, 180)),
    Category(188, "cabinet-merged", False, (134, 199, 156)),
    Category(189, "table-merged", False, (209, 226, 140)),
    Category(190, "floor-other-merged", False, (96, 36, 108)),
    Category(191, "pavement-merged", False, (96, 96, 96)),
    Category(192, "mountain-merged", False, (64, 170, 64)),
    Category(193, "grass-merged", False, (152, 251, 152)),
    Category(194, "dirt-merged", False, (208, 229, 228)),
    Category(195, "paper-merged", False, (206, 186, 171)),
    Category(196, "food-other-merged", False, (152, 161, 64)),
    Category(197, "building-other-merged", False, (116, 112, 0)),
    Category(198, "rock-merged", False, (0, 114, 143)),
    Category(199, "wall-other-merged", False, (102, 102, 156)),
    Category(200, "rug-merged", False, (250, 141, 255)),
)
"""Ids, names and colours of ``panoptic_coco_categories.json`` of https://github.com/cocodataset/panopticapi."""

COCO_PANOPTIC = PanopticTable("coco-panoptic", _COCO)
"""The 80 things and 53 kinds of stuff of COCO's panoptic task."""
STREET_PANOPTIC = PanopticTable("street-panoptic", _of_streets())
"""The 8 things and 11 kinds of stuff of Cityscapes, which drawn scenes have too."""
PANOPTIC_TABLES: dict[str, PanopticTable] = {table.name: table for table in (COCO_PANOPTIC, STREET_PANOPTIC)}


def panoptic_table_for(things: Sequence[str], stuff: Sequence[str], name: str = "") -> PanopticTable:
    """The table of a model's things and stuff: of that name, else one of ours whose names these are, else a made one.

    A made one has ids from 1, things first, and colours that differ in hue.

    Args:
        things: in the order of the instance branch's classes.
        stuff: in the order of the semantic branch's classes after things together.
        name: of the table, as the model knows it; a table with other names is not taken.
    """
    wanted = (tuple(things), tuple(stuff))
    known = [PANOPTIC_TABLES[name]] if name in PANOPTIC_TABLES else []
    for table in (*known, *PANOPTIC_TABLES.values()):
        if (tuple(c.name for c in table.things), tuple(c.name for c in table.stuff)) == wanted:
            return table
    names = (*wanted[0], *wanted[1])
    return PanopticTable(
        UNNAMED,
        tuple(
            Category(place, category, place <= len(things), colour)
            for place, (category, colour) in enumerate(zip(names, hue_circle(len(names)), strict=True), start=1)
        ),
    )
