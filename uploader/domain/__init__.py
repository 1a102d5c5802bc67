"""The rules of uploads, pure: what is wanted, what it maps to, the plan, its steps, its guard."""

__all__: list[str] = []
