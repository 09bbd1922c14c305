"""GPUs of model servers as Kubernetes knows them: what the pod behind an address requests, and its node's label."""
