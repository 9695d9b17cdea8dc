"""Files: written whole or not at all, read within bounds, told apart by a digest.

What writes a file uses :func:`write_atomic`, :func:`write_json` or :func:`whole_folder`; what reads a file from outside
begins with :func:`regular_file`, :func:`read_json` or :func:`read_safetensors_header`.
"""

from rsp_lab.files.digests import digest
from rsp_lab.files.headers import SafetensorsHeader, TensorFacts, read_safetensors_header
from rsp_lab.files.json_data import parse_json, read_json, to_json, write_json
from rsp_lab.files.json_documents import check_document_target, packaged_documents, typed, typed_list
from rsp_lab.files.json_records import JsonRecords, scan_json
from rsp_lab.files.ownership import MAKER, check_replaceable, is_ours
from rsp_lab.files.paths import (
    AnyPath,
    FileError,
    StateMismatchError,
    check_target,
    readable_name,
    regular_file,
    special_kind,
)
from rsp_lab.files.writing import UNFINISHED, check_folder, remove_unfinished, whole_folder, write_atomic

__all__ = [
    "MAKER",
    "UNFINISHED",
    "AnyPath",
    "FileError",
    "JsonRecords",
    "SafetensorsHeader",
    "StateMismatchError",
    "TensorFacts",
    "check_document_target",
    "check_folder",
    "check_replaceable",
    "check_target",
    "digest",
    "is_ours",
    "packaged_documents",
    "parse_json",
    "read_json",
    "read_safetensors_header",
    "readable_name",
    "regular_file",
    "remove_unfinished",
    "scan_json",
    "special_kind",
    "to_json",
    "typed",
    "typed_list",
    "whole_folder",
    "write_atomic",
    "write_json",
]
