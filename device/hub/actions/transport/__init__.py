"""How a request reaches a destination: HTTP, retries, circuit breaker."""
