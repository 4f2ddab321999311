"""Values of the program's own types go both ways, and so do its errors."""

from dataclasses import dataclass, field
from enum import Enum

import burrow as modal

app = modal.App("own-types")


class Kind(Enum):
    CITY = "city"
    RIVER = "river"


@dataclass(frozen=True)
class Place:
    name: str
    kind: Kind
    tags: tuple = field(default=())


class UnknownPlace(LookupError):
    pass


@app.function()
def tag(place: Place, *tags: str, **more: str) -> Place:
    if not place.name:
        raise UnknownPlace("a place without a name")
    return Place(place.name, place.kind, place.tags + tags + tuple(sorted(more.items())))


@app.local_entrypoint()
def main():
    here = Place("Elbe", Kind.RIVER)
    found = tag.remote(here, "long", flows="north")
    print(
        found == Place("Elbe", Kind.RIVER, ("long", ("flows", "north"))), found.kind is Kind.RIVER
    )
    try:
        tag.remote(Place("", Kind.CITY))
    except UnknownPlace as error:
        print("caught", error)
    print(tag.local(here, "near").tags, tag(here).tags)


# prints:
# True True
# caught a place without a name
# ('near',) ()
