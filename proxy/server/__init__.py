"""The front door: HTTP in, exchanges out. The only room beside the demo that serves with aiohttp."""
