"""Writes the report and the spreadsheet of `facepoints measure`, beside its table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from facepoints.api import FaceModel
from facepoints.commands.measure import MeasureReport
from facepoints.errors import MissingExtraError, SettingsError
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.reports.kept_faces import FaceKeeper
from facepoints.reports.measures import write_measure_report
from facepoints.reports.page import check_report_path, missing_extra
from facepoints.reports.spreadsheet import write_spreadsheet

__all__ = ["MeasureExtras", "model_facts"]


@dataclass
class MeasureExtras:
    """The report and the spreadsheet of one call of `measure_inputs`.

    Pass the results through `keeper.watch`, and `write` as `also`.

    Attributes:
        report: .html file to write; None: none.
        spreadsheet: .xlsx file to write; None: none.
        about: model and settings, by name, for both files.
        keeper: the faces that the report shows.
        missing: the first package that was not installed; the file that needs it was not written.

    Raises:
        SettingsError: a file with another suffix.
    """

    report: Path | None = None
    spreadsheet: Path | None = None
    about: dict[str, str] = field(default_factory=dict)
    keeper: FaceKeeper = field(default_factory=FaceKeeper)
    missing: MissingExtraError | None = None

    def __post_init__(self) -> None:
        if self.report is not None:
            check_report_path(self.report)
        if self.spreadsheet is not None and self.spreadsheet.suffix.lower() != ".xlsx":
            raise SettingsError(f"a spreadsheet is a file in .xlsx, got {self.spreadsheet}")

    def write(self, table: str, events: str, counts: MeasureReport) -> None:
        """Write the files.

        A file whose package is not installed is left out, and `missing` says which.

        Args:
            table: text of the csv file of measures.
            events: text of the csv file of events.
            counts: of the command.

        Raises:
            WriteError: a file cannot be written.
        """
        cells, event_cells = _cells(table), _cells(events)
        if counts.error:
            self.about["first unreadable file"] = counts.error
        if self.spreadsheet is not None and self._can("a spreadsheet", "openpyxl"):
            write_spreadsheet(self.spreadsheet, cells, event_cells, self.about)
        if self.report is not None and self._can("a report", "jinja2"):
            write_measure_report(
                self.report,
                cells,
                event_cells,
                self.keeper,
                counts=_counts(counts, self._seen(counts.images)),
                about=self.about,
            )

    def _seen(self, count: int) -> str:
        """Name what the command read: images, frames, or both."""
        if self.keeper.people:
            return "images and frames" if self.keeper.images else "frames"
        return "image" if count == 1 else "images"

    def _can(self, what_for: str, package: str) -> bool:
        missing = missing_extra(what_for, package)
        self.missing = self.missing or missing
        return missing is None


def _cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def _counts(report: MeasureReport, seen: str) -> list[tuple[str, str]]:
    counts = [(f"{report.images:,}", seen)]
    counts.append((f"{report.faces:,}", "face" if report.faces == 1 else "faces"))
    if report.without_faces:
        counts.append((f"{report.without_faces:,}", "without a face"))
    if report.unreadable:
        counts.append((f"{report.unreadable:,}", "unreadable"))
    if report.events:
        counts.append((f"{len(report.events):,}", "events in videos"))
    if report.stopped:
        counts.append(("stopped", "before the end, by Ctrl-C"))
    return counts


def model_facts(model: FaceModel, name: str) -> Mapping[str, str]:
    """The name of a model and its checksum, for the stamp of a report."""
    facts = {"model": name}
    if isinstance(model.model, LandmarkModel):
        facts["checksum of the model"] = f"SHA-256 {model.model.checksum}"
    return facts
