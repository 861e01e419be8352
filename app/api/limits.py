"""The limit on a request's body, also for one that does not say its length."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import render
from app.errors import BodyTooLarge


class BodyLimit:
    """Answers 413 as soon as a body is known to be too long.

    Not FastAPI's `max_body_size`: that replaces the problem by plain text.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        stated = Headers(scope=scope).get("content-length", "0")
        if stated.isdecimal() and int(stated) > self.max_bytes:
            await render(self._problem())(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise self._problem()
            return message

        await self.app(scope, counted, send)

    def _problem(self) -> BodyTooLarge:
        return BodyTooLarge(f"At most {self.max_bytes:,} bytes are accepted.")
