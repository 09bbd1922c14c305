"""Our own transport: gRPC over the sans-io HTTP/2 of ``h2``, on asyncio."""
