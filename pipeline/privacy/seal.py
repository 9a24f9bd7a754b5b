"""Sealing: how a capture lies on disk before it is heard (charter 1, 2).

`official` and `media` lie open. A `submission` lies open without its voice. A `public` capture lies encrypted under the
newest live staging key, so that it is unreadable after 72 h; the voice under the older key lies under that older key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.errors import QuarantineError, Unreadable
from pipeline.privacy.staging_keys import StagingKey, StagingKeys
from pipeline.records import WHOLE, Capture, Voice

Envelope = dict[str, Any]


def seal(capture: Capture, keys: Sequence[StagingKey]) -> Envelope:
    """JSON-ready form of `capture`. `keys` are the live ones, oldest first (`StagingKeys.live`)."""
    voices = dict(capture.voice)
    newest = keys[-1]
    sealed: list[list[str]] = [[key.id, _lock(key, {"voice": voices[key.id]})] for key in keys[:-1] if key.id in voices]
    own: Voice = ((newest.id, voices[newest.id]),) if newest.id in voices else ()
    if capture.channel in WHOLE:
        if own:
            sealed.append([newest.id, _lock(newest, {"voice": own[0][1]})])
        return {"open": capture.without_voice().to_dict(), **({"sealed": sealed} if sealed else {})}
    body = replace(capture, voice=own).to_dict()
    return {"body": [newest.id, _lock(newest, body)], "sealed": sealed}


def unseal(envelope: Envelope, ring: StagingKeys) -> Capture:
    """The capture, with the voices of those keys that still live.

    Raises Unreadable where a public body's key has died; QuarantineError for what is no envelope.
    """
    try:
        if "open" in envelope:
            capture = Capture.from_dict(envelope["open"])
        else:
            key_id, body = envelope["body"]
            capture = Capture.from_dict(_unlock(ring.get(key_id), body))
        voice = list(capture.voice)
        for key_id, locked in envelope.get("sealed", ()):
            try:
                voice.append((key_id, str(_unlock(ring.get(key_id), locked)["voice"])))
            except Unreadable:
                continue  # that key has died: the voice counts under the newer one only
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise QuarantineError("bad_envelope", type(error).__name__) from None
    return replace(capture, voice=tuple(sorted(voice)))


def _lock(key: StagingKey, data: dict[str, Any]) -> str:
    return base64.b64encode(key.encrypt(json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass"))).decode()


def _unlock(key: StagingKey, locked: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(key.decrypt(base64.b64decode(locked)).decode("utf-8", "surrogatepass"))
    return data
