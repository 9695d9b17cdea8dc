"""The workbench: a Streamlit program over rsp_lab, run from the checkout."""

import logging

# Streamlit warns that what is cached before a server runs is kept in memory, which is where it is meant to be.
logging.getLogger("streamlit.runtime.caching.cache_data_api").addFilter(
    lambda record: "No runtime found" not in record.getMessage()
)
