"""What models are worth beside the baselines."""
