"""Trusted documents: requests that name a document instead of sending it, and what is done with all others.

A document is named by `documentId` (GraphQL over HTTP, appendix A) or by Apollo's `extensions.persistedQuery`, which
looks documents up and never adds one. With a manifest in the mode ENFORCE no other document is run.
"""

import logging
from collections.abc import Mapping
from typing import Any, cast

from cachetools import LRUCache

from adapters.errors import ErrorCode
from gateway.errors import RequestError

from .manifest import SHA256, digest_of
from .settings import DocumentSettings, TrustMode

log = logging.getLogger(__name__)

NOT_FOUND = "PersistedQueryNotFound"
"""What clients with Apollo's protocol look for: then they send the text."""
MAX_REMEMBERED = 10_000
APOLLO_KEY = "persistedQuery"


class TrustedDocuments:
    """The documents of a manifest. `is_watching`: every request has to be looked at, also one that sends a text."""

    def __init__(self, settings: DocumentSettings | None = None) -> None:
        settings = settings or DocumentSettings()
        self._mode = settings.mode
        self._by_id: Mapping[str, str] = settings.manifest.by_id if settings.manifest else {}
        self._texts = settings.manifest.texts if settings.manifest else frozenset[str]()
        self._logged: LRUCache[str, None] = LRUCache(MAX_REMEMBERED)
        self.is_watching = settings.mode is not TrustMode.OFF

    def text(self, query: str | None, document_id: str | None, extensions: Mapping[str, Any] | None) -> str:
        """The document that a request means; RequestError where there is none, or it is not to be run.

        Where a text is sent it is what counts, whatever the request names.
        """
        digest = _apollo_hash(extensions)
        if query is None:
            return self._named(document_id) if document_id is not None else self._hashed(digest)
        if digest is not None and digest != digest_of(query):
            raise RequestError("persistedQuery.sha256Hash is not the digest of the query")
        if self.is_watching and query not in self._texts:
            self._judge(query)
        return query

    def _named(self, document_id: str) -> str:
        text = self._by_id.get(document_id)
        if text is None:
            raise RequestError(
                "there is no document with this documentId; sha256:HEX is known where the manifest has the document",
                code=ErrorCode.NOT_FOUND,
            )
        return text

    def _hashed(self, digest: str | None) -> str:
        if digest is None:
            raise RequestError("the query is missing")
        text = self._by_id.get(digest)
        if text is None and self._mode is TrustMode.ENFORCE:
            # The text, which a client would send now, would be refused.
            raise RequestError("there is no trusted document with this sha256Hash", code=ErrorCode.NOT_FOUND)
        if text is None:
            raise RequestError(NOT_FOUND, code=ErrorCode.NOT_FOUND)
        return text

    def _judge(self, query: str) -> None:
        if self._mode is TrustMode.ENFORCE:
            raise RequestError(
                "only trusted documents are run here, and this is none of them", code=ErrorCode.POLICY_BLOCKED
            )
        digest = digest_of(query)
        if digest not in self._logged:
            self._logged[digest] = None
            log.warning("a document that is not in the manifest was run: %s%s", SHA256, digest)


def _apollo_hash(extensions: Mapping[str, Any] | None) -> str | None:
    """The digest that `extensions.persistedQuery` names; RequestError where it is not in Apollo's form."""
    if extensions is None or (named := extensions.get(APOLLO_KEY)) is None:
        return None
    members = cast("dict[str, Any]", named) if isinstance(named, dict) else {}
    digest = members.get("sha256Hash")
    if members.get("version") != 1 or not isinstance(digest, str):
        raise RequestError('persistedQuery: expected {"version": 1, "sha256Hash": ..}')
    return digest
