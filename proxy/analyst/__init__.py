"""The analyst: reads what gateways observed, learns from it, and moves accounts on the ladder. Async over ports: it knows no store."""
