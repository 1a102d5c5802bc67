"""The career site's own objects, as JSON. Unlike in the contract's answers, a value that was lost is null."""

from typing import Annotated

from pydantic import Field, RootModel

from catrelay.models import Id, Text, Wire

Line = Annotated[Text, Field(min_length=1, max_length=200)]
Story = Annotated[Text, Field(min_length=1, max_length=10_000)]
MAX_ARTICLE_VALUES = 100


class Testimonial(Wire):
    """What an employee says. value: None once it was lost."""

    id: Id
    author: str
    text: str
    category: Id
    value: Id | None


class TestimonialCreate(Wire):
    """A new testimonial."""

    author: Line
    text: Story
    category: Id
    value: Id


class TestimonialPatch(Wire):
    """A JSON Merge Patch of a testimonial. value: null takes it off its value."""

    # What is not sent is not read either: made by a factory, it is not described as what is meant then.
    author: Line = Field(default_factory=str)
    text: Story = Field(default_factory=str)
    category: Id = Field(default_factory=int)
    value: Id | None = None


class Article(Wire):
    """A story about several values."""

    id: Id
    title: str
    body: str
    values: tuple[Id, ...]


class ArticleCreate(Wire):
    """A new article."""

    title: Line
    body: Story
    values: tuple[Id, ...] = Field(default=(), max_length=MAX_ARTICLE_VALUES)


class Testimonials(RootModel[tuple[Testimonial, ...]]):
    """All testimonials, or those at a value."""


class Articles(RootModel[tuple[Article, ...]]):
    """All articles."""
