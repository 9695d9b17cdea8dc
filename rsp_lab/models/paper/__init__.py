"""The paper's tables: costs counted from built modules, beside the printed numbers."""
