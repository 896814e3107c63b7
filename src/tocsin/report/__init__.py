"""What the auditor gets: a page to read, a sample to test, OSCAL for programs; bytes from bytes."""

from tocsin.report._day import DISPOSITIONS, DayRead, read_day_files, wanted
from tocsin.report._disposition import OUTCOMES, disposition_file
from tocsin.report._draw import day_text
from tocsin.report._oscal import assessment_plan, assessment_results
from tocsin.report._oscal_check import check_oscal
from tocsin.report._page import Checked, report_page
from tocsin.report._paper import paper_page
from tocsin.report._period import STATES, Period, calendar, put_together
from tocsin.report._sample import Chain, draw, make_sample

__all__ = [
    "DISPOSITIONS",
    "OUTCOMES",
    "STATES",
    "Chain",
    "Checked",
    "DayRead",
    "Period",
    "assessment_plan",
    "assessment_results",
    "calendar",
    "check_oscal",
    "day_text",
    "disposition_file",
    "draw",
    "make_sample",
    "paper_page",
    "put_together",
    "read_day_files",
    "report_page",
    "wanted",
]
