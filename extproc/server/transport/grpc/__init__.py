"""The transport on grpc.aio, for what ours does not do, and to compare with."""
