"""Files that people take home: named in Chinese, and read as nothing but what they are."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Response


def download(content: bytes, media_type: str, name: str) -> Response:
    """An answer that a browser saves under this name."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=media_type, headers=headers)
