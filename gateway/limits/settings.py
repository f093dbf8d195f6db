"""The sections `limits` and `documents` of the configuration."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from gateway.section import Section

from .manifest import Manifest, read_manifest


class LimitSettings(Section):
    """Bounds of what one operation may be; a request over one of them is refused.

    `max_length`, in characters, `max_definitions`, `max_tokens`, `max_directives` and `max_directives_per_location`
    count what the document says, `max_variable_values` what is in lists and objects of the variables. All others count
    what one operation asks for, with its fragments in the places where they are spread. `max_selections` is about one
    selection set; `max_field_aliases` about one field of it. `max_cost` is the most upstream calls that the plan of an
    operation can make, `max_errors` the most entries in `errors`.
    """

    max_length: int = Field(default=100_000, ge=1, le=100_000_000)
    max_tokens: int = Field(default=15_000, ge=1, le=1_000_000)
    max_definitions: int = Field(default=200, ge=1, le=100_000)
    max_depth: int = Field(default=20, ge=1, le=200)
    max_aliases: int = Field(default=100, ge=0, le=100_000)
    max_field_aliases: int = Field(default=50, ge=0, le=100_000)
    max_directives: int = Field(default=200, ge=0, le=100_000)
    max_directives_per_location: int = Field(default=5, ge=0, le=1_000)
    max_selections: int = Field(default=250, ge=1, le=100_000)
    max_root_fields: int = Field(default=50, ge=1, le=100_000)
    max_cost: int = Field(default=20_000, ge=1)
    max_variable_values: int = Field(default=10_000, ge=1, le=10_000_000)
    max_errors: int = Field(default=500, ge=1, le=100_000)


class TrustMode(StrEnum):
    """What is done with a document that is not in the manifest. LOG: it is run, and logged once."""

    OFF = "off"
    LOG = "log"
    ENFORCE = "enforce"


class DocumentSettings(Section):
    """Documents that are known beforehand; `manifest` is given as the path of a file, and read at once."""

    mode: TrustMode = TrustMode.OFF
    manifest: Annotated[Manifest, BeforeValidator(read_manifest)] | None = None

    @model_validator(mode="after")
    def _has_what_its_mode_needs(self) -> "DocumentSettings":
        if self.mode is not TrustMode.OFF and self.manifest is None:
            raise ValueError(f'documents.manifest: the mode "{self.mode.value}" needs a manifest')
        return self
