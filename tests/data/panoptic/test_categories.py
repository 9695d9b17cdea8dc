import pytest

from rsp_lab.data.panoptic.categories import (
    COCO_PANOPTIC,
    STREET_PANOPTIC,
    THINGS,
    Category,
    PanopticTable,
    panoptic_table_for,
)


def test_coco_has_80_things_and_53_kinds_of_stuff_of_which_54_classes_come():
    assert (len(COCO_PANOPTIC.things), len(COCO_PANOPTIC.stuff)) == (80, 53)
    assert len(COCO_PANOPTIC.semantic.classes) == 54
    assert COCO_PANOPTIC.semantic.classes[:2] == (THINGS, "banner")
    assert COCO_PANOPTIC.semantic_class(1) == COCO_PANOPTIC.semantic_class(90) == 0
    assert (COCO_PANOPTIC.semantic_class(92), COCO_PANOPTIC.semantic_class(200)) == (1, 53)


def test_streets_have_the_things_and_stuff_of_cityscapes():
    assert [c.name for c in STREET_PANOPTIC.things][:2] == ["person", "rider"]
    assert (len(STREET_PANOPTIC.things), len(STREET_PANOPTIC.stuff)) == (8, 11)
    assert STREET_PANOPTIC.by_id[7].name == "road"


def test_an_unknown_category_is_named():
    with pytest.raises(ValueError, match=r"a\.json: unknown category 12, 999; 'coco-panoptic' has 133 categories"):
        COCO_PANOPTIC.check_ids([1, 999, 12], "a.json")


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ((), "ids must be at least 1 and rise"),
        ((Category(2, "a", True, (0, 0, 0)), Category(1, "b", False, (0, 0, 0))), "ids must be at least 1 and rise"),
        ((Category(1, "a", True, (0, 0, 0)), Category(2, "a", False, (0, 0, 0))), "names must differ"),
        ((Category(1, THINGS, True, (0, 0, 0)), Category(2, "a", False, (0, 0, 0))), "none may be 'things'"),
    ],
)
def test_tables_that_make_no_sense_are_refused(categories, message):
    with pytest.raises(ValueError, match=message):
        PanopticTable("odd", categories)


def test_the_table_of_a_model_is_ours_where_the_names_are_and_else_one_with_its_names():
    things, stuff = ([c.name for c in part] for part in (STREET_PANOPTIC.things, STREET_PANOPTIC.stuff))
    assert panoptic_table_for(things, stuff, "street-panoptic") is STREET_PANOPTIC
    assert panoptic_table_for(things, stuff) is STREET_PANOPTIC
    made = panoptic_table_for(["boat", "swan"], ["water"], "street-panoptic")
    assert [(c.id, c.name, c.is_thing) for c in made.categories] == [
        (1, "boat", True),
        (2, "swan", True),
        (3, "water", False),
    ]
    assert len({c.colour for c in made.categories}) == 3
