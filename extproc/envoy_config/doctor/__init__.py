"""What is wrong with the configuration of an Envoy, whoever wrote it: a registry of checks over one parsed model."""
