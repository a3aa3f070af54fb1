"""What an ONNX graph of the person's own says of itself, for an entry in the catalogue."""

from __future__ import annotations

from pathlib import Path

from ovedit.errors import ModelError

_COLOURS = 3
_ERRORS_ONLY = 3


def side_of_eraser(graph: Path) -> int | None:
    """The side of the square that the graph works at, or None for one that takes any size.

    Raises `ModelError` for a graph that cannot be read, or that takes no picture and mask.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    # Only its inputs are looked at.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
    except Exception as e:
        # What ONNX Runtime raises has no base in common.
        raise ModelError(
            f"{graph} cannot be read as an ONNX graph: {str(e).strip().splitlines()[-1]}",
            "Copy it again from where it came, with the files beside it.",
        ) from e
    shapes = [each.shape for each in session.get_inputs()]
    planes = sorted(shape[1] for shape in shapes if len(shape) == 4 and isinstance(shape[1], int))
    if planes != [1, _COLOURS]:
        raise ModelError(
            f"{graph} is no eraser: it does not take a picture and a mask.",
            "An eraser takes 1 × 3 × h × w and 1 × 1 × h × w.",
        )
    sides = {side for shape in shapes for side in shape[2:] if isinstance(side, int)}
    return sides.pop() if len(sides) == 1 else None
