"""The model side, over aiohttp's client."""
