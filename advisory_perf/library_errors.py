"""What a library's error says to a person: its sentence, without its name, its debugging output, its addresses and its retries. Pure.

Each part that is taken away was printed by obstore, Polars, libpq, SQLAlchemy or boto; what none of the rules knows stays as it is.
"""

import re

from advisory_perf.showing import cut

_LONGEST = 200
_DEBUGGING = re.compile(r"\s*Debug source:.*", re.DOTALL)
_SYSTEM_SAYS = re.compile(r'\b(?:message|error): "([^"]+)"')
"""Within the debugging output: what the operating system said, which the sentence before it leaves out."""
_ONLY_SENDING = re.compile(r"HTTP error: error sending request\s*$")
_ANSWER = re.compile(r"(?:<\?xml[^>]*\?>\s*)?<Error>\s*<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>.*?</Error>", re.DOTALL)
_HINTS = re.compile(r"\s*(?:Is the server running on|\(Background on this error at).*", re.DOTALL)
_BOTO = re.compile(r"^An error occurred \((\w+)\) when calling the \w+ operation(?: \([^)]*\))?: (.*)$", re.DOTALL)
_NOISE = re.compile(
    r"^object-store error: "
    r"|^Generic \w+ error: "
    r"|^\(\w+(?:\.\w+)+\) "
    r"|Error performing list request: "
    r"|Error performing [A-Z]+ \S+ in \S+(?:, after \d+ retries, max_retries: \d+, retry_timeout: \S+)? +- "
    r"|Server returned non-2xx status code: "
    r"|^connection failed: "
    r"| ?\(os error \d+\)"
)
_WHO = re.compile(r"://[^/@\s]*@")


def said_by(error: BaseException) -> str:
    """The error's sentence in one line of at most 200 characters, or its class where it has none."""
    return plain(str(error)) or type(error).__name__


def plain(text: str) -> str:
    """The same of a text."""
    says = _DEBUGGING.sub("", text.strip())
    if _ONLY_SENDING.search(says):
        reported = _SYSTEM_SAYS.findall(text)
        says = _ONLY_SENDING.sub(f"it does not answer ({reported[-1]})" if reported else "it does not answer", says)
    says = _BOTO.sub(r"\2 (\1)", _HINTS.sub("", _ANSWER.sub(r"\2 (\1)", says)))
    while says != (says := _NOISE.sub("", says).strip()):
        pass
    return cut(" ".join(_WHO.sub("://", says).split()), _LONGEST)
