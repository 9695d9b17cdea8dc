"""rsp_lab: a workbench for looking inside cross-scale context aggregation in semantic segmentation."""

from rsp_lab._version import __version__
from rsp_lab.analysis.compare import Comparison, compare
from rsp_lab.analysis.flow import ContextFlow, StepFlow, context_flow
from rsp_lab.analysis.grids import RelationGrid, relation_grids
from rsp_lab.analysis.proof import context_residuals
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.hooks import hooks
from rsp_lab.capture.record import Record
from rsp_lab.data.images import read_image
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.models.weights import load

__all__ = [
    "Comparison",
    "ContextFlow",
    "Record",
    "RelationGrid",
    "Segmenter",
    "SegmenterConfig",
    "StepFlow",
    "__version__",
    "compare",
    "context_flow",
    "context_residuals",
    "hooks",
    "load",
    "read_image",
    "relation_grids",
    "run_with_capture",
]
