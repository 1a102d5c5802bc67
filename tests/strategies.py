"""What hypothesis draws: text of any script, values, and journals that an ATS could have written."""

import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import strategies as st

from catrelay.models import COUNTRIES, MAX_ID, CategoryValue, JournalEntry, Location, Operation

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)

# Any text that can be stored: surrogates are no characters, and U+0000 is refused.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
names = texts.filter(bool)
# Of tenants: what a path can show and two names cannot share.
tenant_names = (
    st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\?#%"), min_size=1, max_size=50)
    .map(lambda text: unicodedata.normalize("NFC", text))
    .filter(lambda name: name not in (".", "..") and not set(name) & set("/\\?#%"))
)

ids = st.integers(1, MAX_ID)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
keys = texts.filter(lambda text: 0 < len(text) <= 500)
locations = st.builds(Location, lat=numbers, lng=numbers, country=st.none() | st.sampled_from(sorted(COUNTRIES)))
nodes = st.builds(
    CategoryValue,
    id=ids,
    available=st.booleans(),
    name=texts,
    code=st.none() | texts,
    external_id=st.none() | keys,
    sequence=st.none() | numbers,
    parent=st.none() | ids,
    remapped_to=st.none() | ids,
    location=st.none() | locations,
    values=st.none(),
)

# How often each operation is drawn: an inactivation ends what makes a journal intricate.
WEIGHTS: dict[Operation, int] = {"remap": 6, "restore": 3, "undo": 3, "inactivate": 1}


@dataclass
class _Ats:
    """Which values are available, and what was written so far: enough to know which entry may come next."""

    values: frozenset[int]
    available: set[int]
    journal: list[JournalEntry] = field(default_factory=list)

    def possible(self) -> list[tuple[Operation, int, int | None]]:
        """Operations with their value and what else they name: a remap's target, or the seq that an undo takes back."""
        return [
            *(("remap", a, b) for a in sorted(self.available) for b in sorted(self.available) if a != b),
            *(("inactivate", value, None) for value in sorted(self.available)),
            *(("restore", value, None) for value in sorted(self.values - self.available)),
            *(("undo", entry.id, entry.seq) for entry in self.journal if self._can_undo(entry)),
        ]

    def write(self, operation: Operation, value: int, other: int | None) -> None:
        undone = self.journal[other - 1] if operation == "undo" and other is not None else None
        if operation in ("remap", "inactivate"):
            self.available.remove(value)
        else:
            self.available.add(value)
        self.journal.append(
            JournalEntry(
                seq=len(self.journal) + 1,
                category=17,
                id=value,
                operation=operation,
                remapped_to=undone.remapped_to if undone else other,
                undoes=undone.seq if undone else None,
                at=AT,
            )
        )

    def _can_undo(self, entry: JournalEntry) -> bool:
        """Whether all is still as the remap left it: neither of its values went away since, but for what was undone."""
        undone = {later.undoes for later in self.journal}
        return (
            entry.operation == "remap"
            and entry.seq not in undone
            and not any(
                later.id in (entry.id, entry.remapped_to)
                for later in self.journal[entry.seq :]
                if later.operation in ("remap", "inactivate") and later.seq not in undone
            )
        )


@st.composite
def journals(draw: st.DrawFn, values: range = range(1, 6), max_size: int = 20) -> list[JournalEntry]:
    """A journal over *values*, all available at first: remaps, inactivations, restores and undos, as an ATS allows."""
    ats = _Ats(frozenset(values), set(values))
    for _ in range(draw(st.integers(0, max_size))):
        possible = ats.possible()
        kinds = sorted({operation for operation, _, _ in possible})
        kind = draw(st.sampled_from([kind for kind in kinds for _ in range(WEIGHTS[kind])]))
        ats.write(*draw(st.sampled_from([step for step in possible if step[0] == kind])))
    return ats.journal
