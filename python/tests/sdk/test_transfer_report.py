from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

from small_burrowd import SmallBurrowd
from test_live_region import Screen, _on_terminal

IMAGE = {"image": {"imageId": "im-1", "files": 7, "bytes": "3000000"}}
BETWEEN_FRAMES_S = 0.15  # a line is drawn anew ten times a second at most


def on_screen(output: str, until: str) -> List[str]:
    """What the terminal shows as soon as it has been sent this text."""
    assert until in output, output
    return Screen().feed(output[: output.index(until) + len(until)]).lines


def importing(*progress: Dict[str, Any]) -> Any:
    def answer(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        for event in progress:
            yield {"progress": event}
            time.sleep(BETWEEN_FRAMES_S)
        yield IMAGE

    return answer


def test_an_import_on_a_terminal_is_one_line_that_tells_layers_and_bytes(
    burrowd: SmallBurrowd,
) -> None:
    burrowd.methods["Images/Import"] = importing(
        {},
        {"layers": 3, "layersKnown": 1, "layersDone": 1, "bytes": "20000000"},
        {"waitsFor": "registry.example"},
        {
            "layers": 3,
            "layersKnown": 1,
            "layersDone": 2,
            "bytes": "20000000",
            "bytesDone": "5000000",
        },
        {
            "layers": 3,
            "layersKnown": 1,
            "layersDone": 3,
            "bytes": "20000000",
            "bytesDone": "20000000",
        },
    )
    output = "".join(_on_terminal("image", "import", "registry.example/team/image"))
    frames = (
        "looking at the image",
        "importing: 1 of 3 layers (1 known), 0 B of 20.0 MB",
        "waiting for registry.example ...",
        "importing: 2 of 3 layers (1 known), 5.0 MB of 20.0 MB",
        "importing: 3 of 3 layers (1 known), 20.0 MB of 20.0 MB",
    )
    for frame in frames:
        assert on_screen(output, frame) == [frame]
    assert Screen().feed(output).lines == ["im-1  7 files, 3.0 MB", ""]


def test_what_is_sent_is_told_before_what_the_server_does_with_it(
    burrowd: SmallBurrowd, tmp_path: Path
) -> None:
    archive = tmp_path / "tree.tar"
    archive.write_bytes(b"\0" * 3_000_000)
    burrowd.methods["Images/Import"] = importing({}, {"layers": 1, "bytes": "3000000"})
    output = "".join(_on_terminal("image", "import", "rootfs:%s" % archive))
    assert on_screen(output, "sent ")[0].startswith("sent ")
    assert output.index("sent ") < output.index("importing: 0 of 1 layers, 0 B of 3.0 MB")
    (request,) = burrowd.called("Images/Import")
    assert request["archive"]["kind"] == "ARCHIVE_KIND_ROOTFS"
    assert Screen().feed(output).lines == ["im-1  7 files, 3.0 MB", ""]
