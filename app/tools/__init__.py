"""Programs about the workbench: a server for tests, screenshots, measurements."""
