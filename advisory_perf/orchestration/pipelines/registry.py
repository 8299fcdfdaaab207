"""The pipelines there are, by the dataset that a feed's deliveries hold."""

from advisory_perf.orchestration.pipelines.model import Pipelines
from advisory_perf.orchestration.pipelines.positions import POSITIONS_PIPELINE
from advisory_perf.orchestration.pipelines.rates import RATES_PIPELINE

PIPELINES: Pipelines = {pipeline.dataset.name: pipeline for pipeline in (POSITIONS_PIPELINE, RATES_PIPELINE)}
