"""Runs the Python sample in docs/replay.md: it must read envelopes as the archiver writes them."""

import pathlib
import re

document = (pathlib.Path(__file__).parent.parent / "docs" / "replay.md").read_text()
[sample] = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
names: dict = {}
exec(sample, names)  # noqa: S102
read_envelope = names["read_envelope"]

ENVELOPE = (
    b'{"originalApproximateArrivalTimestamp":"1545084650.987","originalShardId":"shardId-000000000006",'
    b'"originalSequenceNumber":"4959","originalStreamName":"orders"}'
)
envelope, payload = read_envelope(b"\x1e" + ENVELOPE + b"\x1ea\x1eb\xff")
assert envelope["originalStreamName"] == "orders", envelope
assert payload == b"a\x1eb\xff", payload
for ordinary in [b"", b"paid", b"\x1e", b"\x1epaid\x1e", b"\x1e" + ENVELOPE, ENVELOPE + b"\x1ex\x1e", b"\x1e" + ENVELOPE[:-1] + b"\x1ex"]:
    assert read_envelope(ordinary) == (None, ordinary), ordinary
print("docs/replay.md: the Python sample reads envelopes")
