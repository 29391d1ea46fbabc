"""One seed per unit of work, so that results depend on neither order nor machine."""

import hashlib


def derive_seed(*parts: object) -> int:
    """A 31-bit seed from the parts that name a unit of work.

    The parts are, for example, (config seed, trait, model, repeat, fold, inner fold). Their
    text decides alone: the same parts give the same seed in any process, on any machine.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
