"""For code built on tracefork: strategies, the backend contract, scripted providers, a loopback server."""
