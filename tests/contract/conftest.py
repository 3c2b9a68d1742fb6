import io

import pytest
from PIL import Image

from tests.conftest import User


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """A 640×360 picture with something in it."""
    picture = Image.linear_gradient("L").resize((640, 360)).convert("RGB")
    picture.paste((200, 80, 40), (240, 100, 400, 300))
    out = io.BytesIO()
    picture.save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
async def picture_url(alice: User, jpeg: bytes) -> str:
    """Alice's upload."""
    answer = await alice.api.post("/uploads", content=jpeg, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["url"]
    return url
