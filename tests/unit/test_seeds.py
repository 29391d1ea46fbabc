import subprocess
import sys

from breedcast.seeds import derive_seed


def test_the_seed_is_the_head_of_a_known_hash():
    # printf '0\037yield\037gblup' | sha256sum | cut -c1-8
    assert derive_seed(0, "yield", "gblup") == 0xB33910E9 >> 1


def test_every_part_counts_and_so_does_where_it_ends():
    seeds = {
        derive_seed(0, "yield", "gblup", 0, 1),
        derive_seed(0, "yield", "gblup", 1, 0),
        derive_seed(0, "yield", "gblup", 0, 11),
        derive_seed(0, "yield", "gblup", 0, 1, 1),
        derive_seed(1, "yield", "gblup", 0, 1),
    }
    assert len(seeds) == 5


def test_another_process_derives_the_same_seed(repository):
    command = "from breedcast.seeds import derive_seed; print(derive_seed('a', 1, None))"
    printed = subprocess.run(
        [sys.executable, "-c", command],
        env={"PYTHONPATH": str(repository / "workflow"), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert int(printed) == derive_seed("a", 1, None)
