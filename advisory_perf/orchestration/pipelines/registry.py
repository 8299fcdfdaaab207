"""The pipelines there are, by the dataset that a feed's deliveries hold."""

from collections.abc import Mapping

from advisory_perf.orchestration.pipelines.model import Pipeline
from advisory_perf.orchestration.pipelines.positions import POSITIONS

PIPELINES: Mapping[str, Pipeline] = {pipeline.dataset: pipeline for pipeline in (POSITIONS,)}
