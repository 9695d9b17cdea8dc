"""The workbench: a Streamlit program over rsp_lab, run from the checkout."""
