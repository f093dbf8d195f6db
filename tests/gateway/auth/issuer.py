"""A simulated OpenID Connect issuer: keys that rotate, faults, and the tokens it signs."""

import time
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

AUDIENCE = "rungraph"


@cache
def private_key(name: str) -> Any:
    """A key that is the same for the same name; its kind is what the name starts with."""
    if name.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=1024 if "short" in name else 2048)
    return ec.generate_private_key(ec.SECP256R1()) if name.startswith("ec") else ed25519.Ed25519PrivateKey.generate()


def public_jwk(name: str, **more: Any) -> dict[str, Any]:
    algorithm = {"rsa": RSAAlgorithm, "ec": ECAlgorithm}.get(name.partition("-")[0], OKPAlgorithm)
    return {**algorithm.to_jwk(private_key(name).public_key(), as_dict=True), "kid": name, **more}


class Issuer:
    """`keys` are the JWKs it publishes; `calls` the paths it was asked for. `status` other than 200 is a fault."""

    def __init__(self) -> None:
        self.keys: Sequence[Any] = [public_jwk("ec-1")]
        self.calls: list[str] = []
        self.status = 200
        self.url = ""
        self.discovered: dict[str, Any] = {}

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/.well-known/openid-configuration", self._discovery), Route("/keys", self._keys)]
        )

    def token(self, key: str = "ec-1", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token that is valid unless the claims say otherwise; a claim that is None is left out."""
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 300, **claims}
        algorithm = {"rsa": "RS256", "ec": "ES256"}.get(key.partition("-")[0], "EdDSA")
        payload = {name: value for name, value in said.items() if value is not None}
        said_of_it = {name: value for name, value in {"kid": key, **(headers or {})}.items() if value is not None}
        with warnings.catch_warnings():
            # Of a key that is too short.
            warnings.simplefilter("ignore")
            return jwt.encode(payload, private_key(key), algorithm, headers=said_of_it)

    async def _discovery(self, request: Request) -> Response:
        self.calls.append(request.url.path)
        return JSONResponse({"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.discovered})

    async def _keys(self, request: Request) -> Response:
        self.calls.append(request.url.path)
        return JSONResponse({"keys": self.keys}, self.status)
