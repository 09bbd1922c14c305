"""What is wrong with the configuration of an Envoy, from any author: a registry of checks over one parsed model."""
