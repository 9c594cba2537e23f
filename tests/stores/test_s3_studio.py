"""Items of a bucket in a real Label Studio server: what annotators see does not depend on the bucket any more."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from activessl.annotators.base import Asked
from activessl.labels.questions import Question
from activessl.pool.addresses import Address
from activessl.pool.sources import load_pool
from activessl_label_studio import LabelStudioAnnotator, LabelStudioConfig, StudioInfo
from activessl_label_studio.login import sign_in

pytestmark = [
    pytest.mark.studio,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not os.environ.get("ACTIVESSL_S3"), reason="run by `make s3-test`"),
]


@pytest.mark.parametrize("media", ["local", "upload", "inline"])
def test_a_task_opens_also_when_the_bucket_is_gone(media: Any, server: StudioInfo, bucket: Any, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    for name, suffix in (("plain", "PNG"), ("converted", "TIFF")):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, suffix)
        bucket.put_object(Bucket="photos", Key=f"site/{name}.{suffix.lower()}", Body=out.getvalue())
    pool = load_pool(Address("s3://photos/site"))
    asked = Asked(tuple(Question(kind="new", items=(item,)) for item in pool.ids), "random")
    title = f"bucket {media} {tmp_path.name[-8:]}"
    config = LabelStudioConfig(
        server.url, server.token, title, ("a", "b"), media=media, document_root=server.document_root
    )
    pushed = LabelStudioAnnotator(config).push(pool, asked, [], model="round-0")
    for item in pool.ids:
        bucket.delete_object(Bucket="photos", Key=f"site/{item}")
    with contextlib.closing(sign_in(server.url, server.email, server.password)) as person:
        for task in pushed.tasks.values():
            told = person.get(f"/api/tasks/{task}").json()
            assert "X-Amz" not in json.dumps(told) and "AKIATEST" not in json.dumps(told)
            address = told["data"]["image"]
            inline = address.startswith("data:image/png;base64,")
            content = base64.b64decode(address.partition(",")[2]) if inline else person.get(address).content
            np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), pixels)
