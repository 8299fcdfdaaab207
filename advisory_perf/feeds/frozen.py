"""What every part of a feed's model is."""

from typing import get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class FrozenModel(BaseModel):
    """What every part of a feed is: no key that nobody knows, and no change after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _null_is_a_word(cls, value: object, info: ValidationInfo) -> object:
        """YAML reads a bare ``null`` as nothing: where it is one of a key's choices, it is the word."""
        choices = get_args(cls.model_fields[info.field_name].annotation) if info.field_name is not None else ()
        return "null" if value is None and "null" in choices else value


def as_tuple(value: object) -> object:
    """A key that takes one text or several."""
    return (value,) if isinstance(value, str) else value
