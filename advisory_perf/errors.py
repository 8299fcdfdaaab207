"""One family of errors. Every message is one sentence that names what is wrong, where, and what would make it right."""

from enum import StrEnum


class AdvisoryPerfError(Exception):
    """Anything the platform refuses to do, with a sentence for a person."""


class SettingsError(AdvisoryPerfError):
    """A setting is missing or cannot be used."""


class FeedError(AdvisoryPerfError):
    """A feed file is not a valid contract."""


class DeliveryRejectedError(AdvisoryPerfError):
    """A delivery cannot be read as its feed says.

    ``code`` is one of the file codes of ``contracts.codes``.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence


class LakeError(AdvisoryPerfError):
    """The lake cannot be reached, or lacks what was asked of it."""


class WarehouseError(AdvisoryPerfError):
    """The warehouse cannot be reached, or its schema is not the one this code was written for."""


class ChannelError(AdvisoryPerfError):
    """The channel did not take a message. Names the channel without user, password, path and query."""


class UndefinedReturnError(AdvisoryPerfError):
    """A single figure that was asked for does not exist.

    ``status`` says why: a ``ReturnStatus`` or a ``RateStatus`` of ``contracts.conventions``.
    """

    def __init__(self, status: StrEnum, sentence: str) -> None:
        super().__init__(f"{status}: {sentence}")
        self.status = status
        self.sentence = sentence
