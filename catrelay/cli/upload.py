"""`catrelay upload ...`: a whole list through the uploader, its plan shown first."""

import asyncio
from pathlib import Path
from typing import Annotated

import orjson
import typer
from pydantic import ValidationError

from catrelay.cli.administer import JsonOption
from catrelay.cli.failure import Failure
from catrelay.cli.group import new_group
from catrelay.cli.output import Cell, print_json, print_rows, say
from catrelay.cli.progress import bar
from catrelay.cli.target import Target, reaching
from catrelay.client import UploaderClient
from catrelay.models import CategoryValuesUpload, PlanItem, UploadPlan, UploadStatus

POLL_SECONDS = 0.1
COLUMNS = ("operation", "id", "name", "problem")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="JSON, as uploaded")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask after the plan")]
ConfirmOption = Annotated[
    bool, typer.Option("--confirm-inactivations", help="Also when more would be inactivated than is usual")
]

upload = new_group("Bring a whole list up to date; the plan is shown first.")


def _example(arguments: str) -> str:
    return f"Example: catrelay upload {arguments} --dry-run --suite suite/suite.json"


@upload.command(epilog=_example("values locations.json --category 17"))
@reaching("uploader")
async def values(
    target: Target,
    file: FileArgument,
    category: Annotated[int, typer.Option(min=1, help="Id of the category")],
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    confirm_inactivations: ConfirmOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a category's tree what FILE says: create, update, activate and inactivate as needed."""
    await _run(target, file, category, dry_run=dry_run, yes=yes, confirm=confirm_inactivations, as_json=as_json)


@upload.command(epilog=_example("orgs orgs.json"))
@reaching("uploader")
async def orgs(
    target: Target,
    file: FileArgument,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    confirm_inactivations: ConfirmOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the org tree what FILE says."""
    await _run(target, file, None, dry_run=dry_run, yes=yes, confirm=confirm_inactivations, as_json=as_json)


async def _run(
    target: Target, file: Path, category: int | None, *, dry_run: bool, yes: bool, confirm: bool, as_json: bool
) -> None:
    tree = read_tree(file)
    async with UploaderClient(target.url, target.tenant, target.token) as uploader:
        plan = await _upload(uploader, category, _as_test(tree, test=True))
        if dry_run or not as_json:
            _show(plan, as_json=as_json)
        _tell(plan)
        if plan.guard.tripped and not confirm:
            raise Failure(
                f"it would inactivate {plan.guard.inactivate} of {plan.guard.present} values:"
                " repeat with --confirm-inactivations when that is meant"
            )
        if dry_run:
            _fail_on(plan)
            return
        if not yes and not typer.confirm("Do it?", err=True):
            raise Failure("nothing was changed")
        done = await _upload(uploader, category, _as_test(tree, test=False), confirm=confirm)
    _show(done, as_json=as_json)
    say(_counts(done))
    _fail_on(done)


def read_tree(file: Path) -> CategoryValuesUpload:
    """The tree in *file*: a categoryValuesUpload, or its list of values alone. Raises Failure."""
    try:
        document = orjson.loads(file.read_bytes())
        if isinstance(document, list):
            document = {"testFlag": True, "categoryValues": document}
        return CategoryValuesUpload.model_validate_json(orjson.dumps(document))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "".join(f"/{part}" for part in first["loc"])
        raise Failure(f"{file} is wrong at {place}: {first['msg']}") from error
    except orjson.JSONDecodeError as error:
        raise Failure(f"{file} is not JSON: {error}") from error


def _as_test(tree: CategoryValuesUpload, *, test: bool) -> CategoryValuesUpload:
    return tree.model_copy(update={"test_flag": test})


async def _upload(
    uploader: UploaderClient, category: int | None, tree: CategoryValuesUpload, *, confirm: bool = False
) -> UploadPlan:
    """Hand in *tree*, wait until the uploader is done with it, and get its plan."""
    status = await uploader.upload_values(category, tree, confirm_inactivations=confirm)
    with bar() as shown:
        while status.status in {"Queued", "Underway"}:
            await asyncio.sleep(POLL_SECONDS)
            before, status = status, await uploader.upload(category, status.id)
            shown.advance("Planning" if tree.test_flag else "Uploading", _done(status) - _done(before))
    if status.status == "Error":
        raise Failure(f"the upload failed: {(status.problem or {}).get('detail', 'no reason was given')}")
    return await _whole_plan(uploader, category, status.id)


async def _whole_plan(uploader: UploaderClient, category: int | None, upload_id: int) -> UploadPlan:
    plan = page = await uploader.plan(category, upload_id)
    items = list(page.items)
    while page.next is not None:
        page = await uploader.plan(category, upload_id, after=len(items))
        items.extend(page.items)
    return plan.model_copy(update={"items": tuple(items), "next": None})


def _done(status: UploadStatus) -> int:
    return sum(outcome.succeeded + outcome.failed for outcome in status.results)


def _show(plan: UploadPlan, *, as_json: bool) -> None:
    if as_json:
        print_json(plan.to_document())
        return
    print_rows([_row(item) for item in plan.items], COLUMNS)


def _tell(plan: UploadPlan) -> None:
    """What a person should know before saying yes."""
    say(_counts(plan))
    if plan.touched:
        say(f"At the values that go: {', '.join(f'{count} {kind}' for kind, count in plan.touched.items())}")
    for suggestion in plan.suggestions:
        to = suggestion.to.pointer if suggestion.to.id is None else suggestion.to.id
        say(f"Renamed? {suggestion.remap} goes and {to} is like it: {suggestion.why}")


def _counts(plan: UploadPlan) -> str:
    counts = {name: count for name, count in plan.summary.to_document().items() if count}
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing to do"


def _row(item: PlanItem) -> dict[str, Cell]:
    problem = str(item.problem.get("detail", item.problem)) if item.problem else None
    return {"operation": item.operation, "id": item.id, "name": item.name, "problem": problem}


def _fail_on(plan: UploadPlan) -> None:
    if plan.summary.failed:
        raise Failure(f"{plan.summary.failed} items failed")
