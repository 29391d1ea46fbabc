"""What every script of the workflow shares: its settings, its log, its way to fail.

Only the standard library is imported here: the thread count has to be fixed before numpy is.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from breedcast.errors import UserError

# One compute thread per process, whatever the scheduler grants: results then depend on
# neither --cores nor the machine. Work is spread over processes (`threads` in the config).
for _library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"


@contextmanager
def job(snakemake: Any) -> Iterator[dict[str, Any]]:
    """Run a rule's script: gives its settings, keeps its log, turns failures into exits.

    A UserError ends the script with its one line, on stderr and in the log; anything else is
    a fault of ours and leaves its traceback in both.
    """
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=[logging.FileHandler(snakemake.log[0], mode="w"), logging.StreamHandler()],
    )
    logging.captureWarnings(capture=True)
    try:
        yield json.loads(snakemake.params.settings)
    except UserError as error:
        logging.error("%s: %s", snakemake.rule, error)
        sys.exit(1)
    except Exception:
        logging.exception("%s failed", snakemake.rule)
        sys.exit(1)
