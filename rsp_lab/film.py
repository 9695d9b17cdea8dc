"""Trainings as films, as ``rl.film``: one decision, taken apart anew at each state that a run kept.

A run keeps states by ``python -m trainers RECIPE --keep-every 4 --keep 300``. Its film holds the flow of the decision
with its ledger, where each step looks, whether key and query complement each other, what an exchange of the cue
changes, and which regions are read right::

    film = rl.film.film_of_run("runs/scenes_tiny_rsp4", states=8)
    film = rl.film.read_film(rl.film.shipped_films()["scenes-rsp4"])       # one that comes with the package
    print(film.sentence())
    film.states[-1].change.looking_share                                  # of what the cue changes, at the end
    rl.figures.draw_film(film)

:func:`write_film` makes the file that the workbench's page *Film* reads. The command is ``rsp-lab film``.
"""

from __future__ import annotations

from rsp_lab.analysis.film.curves import FilmCurve, FilmPanel, film_panels
from rsp_lab.analysis.film.film import Film
from rsp_lab.analysis.film.film_file import read_film, shipped_films, write_film
from rsp_lab.analysis.film.of_run import film_of_run, film_states
from rsp_lab.analysis.film.state import FilmChange, FilmComplementarity, FilmGaze, FilmState

__all__ = [
    "Film",
    "FilmChange",
    "FilmComplementarity",
    "FilmCurve",
    "FilmGaze",
    "FilmPanel",
    "FilmState",
    "film_of_run",
    "film_panels",
    "film_states",
    "read_film",
    "shipped_films",
    "write_film",
]
