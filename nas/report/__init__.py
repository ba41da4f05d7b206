"""Reports: one self-contained HTML page, a picture of the front and a summary in Markdown."""

from nas.report.data import (
    ArchitectureCard,
    Axis,
    DeviceView,
    FunnelLevel,
    OperatorBar,
    Recommendation,
    ReportData,
    StageRow,
)
from nas.report.writer import write_report

__all__ = [
    "ArchitectureCard",
    "Axis",
    "DeviceView",
    "FunnelLevel",
    "OperatorBar",
    "Recommendation",
    "ReportData",
    "StageRow",
    "write_report",
]
