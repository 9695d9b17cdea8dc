"""rsp-lab residuals: every shipped model of a data set in both precisions, each within its tolerance."""

from __future__ import annotations

import json

import pytest

from rsp_lab.cli import main


@pytest.mark.usefixtures("unchecked")
def test_shipped_models_of_a_data_set_add_up(capsys):
    main.main(["residuals", "scenes", "--pixels", "3", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [(row["model"], row["dtype"]) for row in rows] == [
        (name, dtype) for name in ("scenes-baseline", "scenes-rsp4") for dtype in ("float32", "float64")
    ]
    assert all(0 <= row["median"] <= row["largest"] <= row["tolerance"] for row in rows)
    assert all(row["pixels"] == 3 and "logit" in row["residual_rule"] for row in rows)


@pytest.mark.usefixtures("unchecked")
def test_a_network_of_another_make_adds_up_or_its_operation_is_named(foreign, fails, capsys):
    main.main(["residuals", "scenes", "--pixels", "2", "--json", "--models", f"{foreign}:other"])
    rows = json.loads(capsys.readouterr().out)
    assert [(row["model"], row["dtype"]) for row in rows] == [(f"{foreign}:other", t) for t in ("float32", "float64")]
    assert all(0 <= row["largest"] <= row["tolerance"] for row in rows)
    refused = fails(["residuals", "scenes", "--pixels", "2", "--models", f"{foreign}:gated"])
    assert "no ledger of gated adds up" in refused
    assert "is not affine with all gates held" in refused


def test_data_that_no_shipped_weights_know_asks_for_models(capsys):
    with pytest.raises(SystemExit):
        main.main(["residuals", "small-scenes"])
    assert "--models" in capsys.readouterr().err
