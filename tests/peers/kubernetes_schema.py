"""Validates a manifest against the published schemas of Kubernetes: `kubernetes_schema.py job.json`; needs `kubernetes-validate` from PyPI."""

import json
import sys

import kubernetes_validate


with open(sys.argv[1], encoding="utf-8") as file:
    manifest = json.load(file)
try:
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
except kubernetes_validate.ValidationError as error:
    sys.exit(f"{'.'.join(str(part) for part in error.path)}: {error.message}")
