import json
from pathlib import Path

from breedcast.script import job

with job(snakemake) as settings:
    from breedcast.files import write_json
    from breedcast.manifest import manifest, refuse_changed

    given, output = snakemake.input, Path(snakemake.output.manifest)
    summary = json.loads(Path(given.summary).read_text(encoding="utf-8"))
    facts = {"versions": summary["versions"], **settings}
    files = [given.summary, *given.results]
    made = manifest(output.parent, map(Path, files), map(Path, given.inputs), facts)
    refuse_changed(made["inputs"], summary["genotypes"]["imported"]["inputs"])
    write_json(made, output)
