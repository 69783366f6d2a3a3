"""What Stillgate costs, against a bare aiohttp pass-through on the same machine, interleaved. `./dev bench`."""
