"""From the moment that it is told to end, the service says so to whoever asks."""

from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.app import ENGLISH, PROBLEM


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/readyz"), ("POST", "/v1/runs"), ("POST", "/v1/runs/{id}/retry")],
)
async def test_a_service_that_stops_is_not_ready_and_takes_no_runs(method: str, path: str, tmp_path: Path) -> None:
    app = create_app(Settings(_env_file=None, data_dir=tmp_path))
    body = {"documents": [{"text": ENGLISH}, {"text": " "}]}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        partial = (await client.post("/v1/runs", json=body, headers={"Prefer": "wait=30"})).json()
        assert partial["status"] == "partial"
        assert (await client.get("/readyz")).status_code == 200
        app.state.services.stopping.set()
        json = body if path == "/v1/runs" else None
        refused = await client.request(method, path.format(id=partial["id"]), json=json)
        assert refused.status_code == 503
        assert refused.json()["type"] == PROBLEM + "shutting-down"
        assert int(refused.headers["Retry-After"]) >= 1
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get(f"/v1/runs/{partial['id']}")).json() == partial
        assert len((await client.get("/v1/runs")).json()["runs"]) == 1
