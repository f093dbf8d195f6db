"""The simulated Rightbrain's OAuth 2.0 token endpoint: client credentials only."""

import binascii
from base64 import b64decode
from urllib.parse import parse_qs, unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .auth import credentials


class TokenIssuer:
    """Issues access tokens to one client. `mint_count` counts them; `token_lifetime` is their `expires_in`."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        self.client_id, self.client_secret = client_id, client_secret
        self.token_lifetime = 3600
        self.mint_count = 0
        self._valid: set[str] = set()

    def accepts(self, token: str) -> bool:
        return token in self._valid

    def revoke_tokens(self) -> None:
        """Refuse all tokens issued so far."""
        self._valid.clear()

    async def token(self, request: Request) -> Response:
        """`POST /oauth2/token`, RFC 6749 section 4.4, with the client's id and secret as HTTP Basic."""
        if not self._is_client(credentials(request.headers, "basic")):
            return JSONResponse(
                {"error": "invalid_client", "error_description": "client authentication failed"},
                401,
                {"www-authenticate": "Basic"},
            )
        form = parse_qs((await request.body()).decode(errors="replace"))
        grant = form.get("grant_type")
        if grant is None:
            return JSONResponse({"error": "invalid_request", "error_description": "grant_type is missing"}, 400)
        if grant != ["client_credentials"]:
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        self.mint_count += 1
        token = f"demo-access-token-{self.mint_count}"
        self._valid.add(token)
        return JSONResponse(
            {"access_token": token, "token_type": "bearer", "expires_in": self.token_lifetime},
            headers={"cache-control": "no-store"},
        )

    def _is_client(self, basic: str | None) -> bool:
        try:
            sent = b64decode(basic or "", validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        return tuple(map(unquote_plus, sent.split(":", 1))) == (self.client_id, self.client_secret)
