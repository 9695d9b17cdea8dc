"""Where the image of a card is, and the address of its decision."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress

from app.shell.cards import FILES, SIZES, scene_of
from app.shell.link import CARD, PIXEL, SCAN
from app.shell.scenes import first_case, reading_names
from app.shell.sources import PAIRS, Source
from app.store.image_folders import FOLDERS, file_names, folder_photograph, folder_stamp
from app.store.models import Photograph, cached_pair
from rsp_lab.analysis.scan.scan import Scan, ScanCard
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.panoptic.categories import STREET_PANOPTIC
from rsp_lab.data.scenes.dataset import FIRST_SEED, SMALL

_TABLES = {data: STREET_PANOPTIC.semantic if "panoptic" in data else CITYSCAPES for data in SIZES}
"""Classes of the data sets that are drawn here."""


def data_words(scan: Scan) -> str:
    """What a scan is of, e.g. ``"101 images of CamVid, split val"``."""
    if scan.data in SIZES:
        small = "small " if SIZES[scan.data] == SMALL else ""
        apart = " with things told apart" if "panoptic" in scan.data else ""
        return f"{scan.images} {small}drawn scenes{apart}, split {scan.split}"
    return f"{scan.images} images of {FILES.get(scan.data, scan.data)}, split {scan.split}"


def photograph_of(scan: Scan, card: ScanCard) -> Photograph:
    """The image of a card.

    Raises:
        ValueError: if it is not there; the message says what is missing.
    """
    shown = _identified(scan, card)[1]()
    bottom, right = card.box[2:]
    if bottom > shown.size[0] or right > shown.size[1]:
        raise ValueError(f"{card.sample} is smaller than the image that was scanned: it is another one.")
    return shown


def image_key(scan: Scan, card: ScanCard) -> Hashable:
    """Tells the images of cards apart, without drawing or reading any.

    Raises:
        ValueError: as :func:`photograph_of`, as far as that can be told.
    """
    return _identified(scan, card)[0]


def _identified(scan: Scan, card: ScanCard) -> tuple[Hashable, Callable[[], Photograph]]:
    """What tells a card's image apart, and what draws or reads it."""
    if (scene := scene_of(scan, card)) is not None and scan.data in SIZES:
        case, seed, reading = scene
        return (scan.data, scene), lambda: cached_pair(case, seed, None, SIZES[scan.data])[reading]
    if scan.data in FILES:
        name = f"{scan.split}/{card.sample}"
        return folder_stamp(scan.data, name), lambda: folder_photograph(scan.data, name)
    raise ValueError(f"images of {scan.data} are not shown here.")


def colours_of(scan: Scan) -> dict[str, str]:
    """Colour of each class of a scan's data set, as #RRGGBB; of none where its classes are not known here."""
    table = _TABLES.get(scan.data)
    if table is None and scan.data in FILES:
        with suppress(ValueError):  # the folder is not there, and its cards say so
            folder = FOLDERS[scan.data]
            table = folder.table(folder.root())
    if table is None:
        return {}
    pairs = zip(table.classes, table.palette, strict=True)
    return {name: f"#{red:02X}{green:02X}{blue:02X}" for name, (red, green, blue) in pairs}


def address(name: str, scan: Scan, card: ScanCard) -> dict[str, str]:
    """The decision as a link has it: image, models, classes, pixel, and which card of which scan it is.

    What is the default of a selector is left out: it would only take it out of the address again, and each time the
    browser's way back to the cards would get longer.
    """
    class_name, rival = card.classes
    image, default = _image(scan, card)
    models = dict(zip(("left", "right"), scan.names, strict=True))
    default |= dict(zip(models, PAIRS[Source(image["source"])], strict=True)) | {"source": Source.SCENE}
    chosen = {key: value for key, value in (image | models).items() if default.get(key) != value}
    pixel = f"{card.pixel[0]},{card.pixel[1]}"
    return {**chosen, "class": class_name, "rival": rival, PIXEL: pixel, SCAN: name, CARD: str(card.rank)}


def _image(scan: Scan, card: ScanCard) -> tuple[dict[str, str], dict[str, str]]:
    """Parameters of a card's image, and their defaults."""
    default: dict[str, str] = {}
    scene = scene_of(scan, card)
    if scene is None:
        source = FILES[scan.data]
        with suppress(ValueError):  # the folder is not there, and the page that is opened says so
            default["file"] = next(iter(file_names(scan.data)), "")
        return {"source": str(source), "file": f"{scan.split}/{card.sample}"}, default
    case, seed, reading = scene
    with suppress(ValueError):  # a model that cannot be loaded, which the page that is opened says
        default["case"] = first_case()
    default |= {"scene": "0", "reading": reading_names(case)[0]}
    number = str(seed - FIRST_SEED["test"])
    image = {"source": str(Source.SCENE), "case": case, "scene": number, "reading": reading_names(case)[reading]}
    return image, default
