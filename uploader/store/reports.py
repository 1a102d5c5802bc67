"""What the store says of uploads to those who ask."""

from collections import Counter
from datetime import datetime
from typing import Any, get_args

import orjson
from sqlalchemy import Connection, Row, func, select
from sqlalchemy.sql.elements import ColumnElement

from catrelay.models import (
    CrudOutcome,
    FailureDetail,
    PlanItem,
    PlanOperation,
    PlanSummary,
    UploadPlan,
    UploadStatus,
)
from catrelay.problems import NotFound
from uploader.store.schema import INCOMPLETE, ORGS, items, uploads

REPORTED = {"create": "Created", "update": "Updated", "activate": "Updated", "inactivate": "Closed", "remap": "Closed"}
MAX_PAGE_ITEMS = 1_000


class UploadReports:
    """Uploads as of one snapshot. category: None for the org tree, which has its category's uploads too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def status(self, tenant_id: int, category: int | None, upload: int) -> UploadStatus:
        """How the upload stands. Raises NotFound."""
        row = self._row(tenant_id, category, upload)
        of_it = (items.c.tenant == tenant_id) & (items.c.upload == upload)
        counts: Counter[tuple[str, str]] = Counter()
        for operation, state, count in self._counts(tenant_id, upload):
            counts[REPORTED[operation], state] += count
        failures: dict[str, list[FailureDetail]] = {}
        failed = select(items.c.operation, items.c.label, items.c.problem).where(of_it, items.c.state == "failed")
        for operation, label, problem in self._connection.execute(failed.order_by(items.c.position)):
            detail = FailureDetail(code=label, message=str(orjson.loads(problem)["detail"]))
            failures.setdefault(REPORTED[operation], []).append(detail)
        return UploadStatus.model_validate(
            {
                "id": upload,
                "started": row.started,
                "status": row.status,
                "results": tuple(
                    CrudOutcome.model_validate(
                        {
                            "operation": reported,
                            "succeeded": counts[reported, "done"],
                            "failed": counts[reported, "failed"],
                            "failureDetails": tuple(failures[reported]) if reported in failures else None,
                        }
                    )
                    for reported in ("Created", "Updated", "Closed")
                ),
                "problem": orjson.loads(row.problem) if row.problem is not None else None,
            }
        )

    def plan(self, tenant_id: int, category: int | None, upload: int, *, after: int) -> tuple[UploadPlan, int | None]:
        """The plan with the items after a position, and the position of the last when more follow.

        Raises NotFound, also when the upload is not planned yet.
        """
        row = self._row(tenant_id, category, upload)
        if row.plan is None:
            raise NotFound(
                f"Upload {upload} has no plan yet" if row.status in INCOMPLETE else f"Upload {upload} has no plan"
            )
        rows = self._connection.execute(
            select(items)
            .where(items.c.tenant == tenant_id, items.c.upload == upload, items.c.position > after)
            .order_by(items.c.position)
            .limit(MAX_PAGE_ITEMS + 1)
        ).all()
        page = rows[:MAX_PAGE_ITEMS]
        head = UploadPlan.model_validate_json(row.plan)
        plan = head.model_copy(
            update={
                "summary": self._summary(tenant_id, upload, head.summary.unchanged),
                "items": tuple(_item(item) for item in page),
            }
        )
        return plan, page[-1].position if len(rows) > len(page) else None

    def next_due(self) -> datetime | None:
        """When the next upload can be claimed; None when there is none to do."""
        moments = self._connection.execute(
            select(uploads.c.due, uploads.c.lease_until).where(uploads.c.status.in_(INCOMPLETE))
        )
        return min((max(row.due, row.lease_until or row.due) for row in moments), default=None)

    def _row(self, tenant_id: int, category: int | None, upload: int) -> Row[datetime, str, str | None, str | None]:
        row = self._connection.execute(
            select(uploads.c.started, uploads.c.status, uploads.c.problem, uploads.c.plan).where(
                uploads.c.tenant == tenant_id, _is_of(category), uploads.c.id == upload
            )
        ).one_or_none()
        if row is None:
            raise NotFound(f"There is no upload {upload} of this collection")
        return row

    def _counts(self, tenant_id: int, upload: int) -> list[tuple[str, str, int]]:
        rows = self._connection.execute(
            select(items.c.operation, items.c.state, func.count())
            .where(items.c.tenant == tenant_id, items.c.upload == upload)
            .group_by(items.c.operation, items.c.state)
        )
        return [(operation, state, count) for operation, state, count in rows]

    def _summary(self, tenant_id: int, upload: int, unchanged: int) -> PlanSummary:
        counts = dict.fromkeys((*get_args(PlanOperation), "failed"), 0)
        for operation, state, count in self._counts(tenant_id, upload):
            counts["failed" if state == "failed" else operation] += count
        return PlanSummary(unchanged=unchanged, **counts)


def _is_of(category: int | None) -> ColumnElement[bool]:
    return uploads.c.collection == ORGS if category is None else uploads.c.category == category


def _item(row: Row[Any]) -> PlanItem:
    problem = orjson.loads(row.problem) if row.problem is not None else None
    item = PlanItem.model_validate_json(row.item)
    return item.model_copy(update={"id": row.value or item.id, "problem": problem})
