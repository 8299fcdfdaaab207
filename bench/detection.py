"""How long a feed is looked for in files of one kind and four times the size: only the ratio holds on a busy machine.

``python -m bench.detection [SIZE]`` takes the kinds of files that the tests of detection grow, and plain rows besides.
"""

import sys
import time
from contextlib import suppress

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf_tests.feed_detection.growing import KINDS
from advisory_perf_tests.feed_detection.scenarios import proposed

TIMES, SIZE, ALARM = 4, 30, 8


def seconds(content: bytes, name: str) -> float:
    """Of this process, the better of two runs; a refusal ends one as well."""
    taken = []
    for _ in range(2):
        begin = time.process_time()
        with suppress(DeliveryRejectedError):
            proposed(content, file_name=name)
        taken.append(time.process_time() - begin)
    return min(taken)


def compare(size: int) -> None:
    """Prints seconds for n and 4 n of every kind, and their ratio."""
    print(f"{'file':<26}{'MB':>8}{'seconds':>9}{f'{TIMES} times':>9}{'ratio':>7}")
    for kind, of_size in KINDS.items():
        name = "acme_20250331.json" if "document" in kind else "acme_20250331.csv"
        small, large = of_size(size), of_size(size * TIMES)
        once, more = seconds(small, name), seconds(large, name)
        print(f"{kind:<26}{len(small) / 1e6:>8.2f}{once:>9.2f}{more:>9.2f}{more / once:>7.1f}", flush=True)
    print(f"\naim: a ratio of {TIMES} at most; alarm above {ALARM}")


if __name__ == "__main__":
    compare(int(sys.argv[1]) if len(sys.argv) > 1 else SIZE)
