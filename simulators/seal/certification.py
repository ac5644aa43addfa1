"""What stands beside the contract, as authorities offer it: revocation lists, OCSP and time stamps."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulators.frame import Service
from simulators.seal import ocsp, stamps
from simulators.seal.cabinet import Cabinet


class Certification:
    """The public desk of the CA below the root, and of its time stamp service."""

    def __init__(self, service: Service, cabinet: Cabinet) -> None:
        self._service = service
        self._cabinet = cabinet
        self._base = service.base

    def routes(self) -> list[BaseRoute]:
        """``GET /pki/{root|authority}.crl``, ``POST /pki/ocsp``, ``POST /tsa``."""
        return [
            Route("/pki/{name}.crl", self._list_of_revoked, methods=["GET"]),
            Route("/pki/ocsp", self._status_of_certificates, methods=["POST"]),
            Route("/tsa", self._time_stamp, methods=["POST"]),
        ]

    async def _list_of_revoked(self, request: Request) -> Response:
        name, now = request.path_params["name"], self._base.clock.now()
        with self._base.state.transaction() as tx:
            if name == "root":
                body = self._cabinet.root(tx).crl({}, now)
            elif name == "authority":
                body = self._cabinet.authority(tx).crl(self._cabinet.revoked(tx), now)
            else:
                return Response(status_code=404)
        self._service.journal(request, "crl", name, 200)
        return Response(body, media_type="application/pkix-crl")

    async def _status_of_certificates(self, request: Request) -> Response:
        asked = await request.body()
        with self._base.state.transaction() as tx:
            authority, revoked = self._cabinet.authority(tx), self._cabinet.revoked(tx)
            body = ocsp.answer(authority, asked, revoked, self._cabinet.issued(tx), self._base.clock.now())
        self._service.journal(request, "ocsp", "", 200, asked)
        return Response(body, media_type="application/ocsp-response")

    async def _time_stamp(self, request: Request) -> Response:
        asked = await request.body()
        with self._base.state.transaction() as tx:
            body = stamps.answer(self._cabinet.stampers(tx), asked, self._base.clock.now())
        self._service.journal(request, "time_stamp", "", 200, asked)
        return Response(body, media_type="application/timestamp-reply")
