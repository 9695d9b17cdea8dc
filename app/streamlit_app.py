"""The workbench's entry point: ``make app``, or ``python -m streamlit run app/streamlit_app.py``."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent

# Streamlit leaves room above the page for a toolbar that is not shown here; one screen needs it for the photographs.
LAYOUT = """
<style>
.stMainBlockContainer { padding: 0.8rem 2rem 3rem; max-width: 1760px; }
.stMainBlockContainer > .stVerticalBlock { gap: 0.6rem; }
.stApp header[data-testid=stHeader] { background: transparent; pointer-events: none; height: 2.5rem; min-height: 0; }
.stApp header[data-testid=stHeader] * { pointer-events: auto; }
.rsp-sentence { font-size: 1.12rem; line-height: 1.4; font-weight: 500; margin: 0; padding: 0 3rem 0 0;
  font-variant-numeric: tabular-nums; min-height: 1.4em; }
.rsp-second { margin: 0.15rem 0 0; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
.rsp-quiet { opacity: 0.7; font-size: 0.82rem; margin: 0; }
.stMainBlockContainer h5 { font-size: 1.05rem; padding-bottom: 0.2rem; }
div:has(> .st-key-notices):not(:has(.stAlert, .rsp-skeleton)) { position: absolute; }
.st-key-notices .stElementContainer:has(.stEmpty) { display: none; }
.st-key-notices .stElementContainer:has(.stSpinner) { position: fixed; top: 0.4rem; right: 1rem; z-index: 99;
  width: auto; padding: 0.2rem 0.8rem; border-radius: 6px; background: var(--st-secondary-background-color, Canvas); }
.rsp-skeleton { display: flex; gap: 16px; margin-bottom: 12px; padding-right: 216px; }
.rsp-skeleton + .rsp-skeleton { padding: 0; }
.rsp-skeleton i { flex: 1; aspect-ratio: 2; border-radius: 4px; background: currentColor; opacity: 0.06; }
.rsp-skeleton + .rsp-skeleton i { aspect-ratio: auto; height: 122px; }
.stTable { font-variant-numeric: tabular-nums; }
.st-key-selectors, .st-key-selectors .stHorizontalBlock { row-gap: 0.4rem; }
@media (max-width: 1000px) {
  .st-key-selectors .stColumn { min-width: calc(33.3% - 0.7rem); flex: 1 1 calc(33.3% - 0.7rem); }
  .st-key-selectors .stColumn:not(:has(.stElementContainer)) { display: none; }
}
@media (max-width: 640px) {
  .stMainBlockContainer { padding: 1rem 0.8rem 3rem; }
  .rsp-sentence { padding: 0; }
  .st-key-selectors .stColumn { min-width: calc(50% - 0.5rem); flex: 1 1 calc(50% - 0.5rem); }
}
</style>
"""


def main() -> None:
    st.set_page_config(page_title="rsp_lab", page_icon=str(HERE / "icon.svg"), layout="wide")
    st.html(LAYOUT)
    page = st.navigation(
        [st.Page(HERE / "app_pages" / "compare.py", title="Compare", default=True)],
        position="top",
    )
    page.run()


main()
