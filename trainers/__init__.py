"""Training, evaluation and export of segmenters: ``python -m trainers --help``."""
