"""Commands whose options are not written down as parameters of one function."""

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer


def option(name: str, text: str) -> inspect.Parameter:
    """An option that is a text, or None when it is not given."""
    spelled = "--" + name.replace("_", "-")
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[str | None, typer.Option(spelled, help=text)],
    )


def parameters_after_the_first(command: Callable[..., object]) -> list[inspect.Parameter]:
    """The parameters of *command* that are options and arguments of its own."""
    own = list(inspect.signature(command).parameters.values())[1:]
    return [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]


def presented(
    run: Callable[..., None], command: Callable[..., Any], parameters: Sequence[inspect.Parameter]
) -> Callable[..., None]:
    """*run* as typer is to read it: name and help of *command*, and these parameters."""
    run.__name__ = command.__name__
    run.__doc__ = command.__doc__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # functions may have one
    return run
