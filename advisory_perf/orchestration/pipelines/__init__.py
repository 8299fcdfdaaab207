"""The pipelines there are, by the dataset that their deliveries hold."""
