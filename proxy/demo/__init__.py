"""A demo model: it strings words together, deterministically, behind the wires of OpenAI and Anthropic.

For trying the gateway without a provider, for the tests and for the bench. Some models are as strict as a provider about the
reasoning that comes back to them (`kinds`), and one is a true softmax layer (`softmax`). Rules:
Rule 1: the same request gets the same answer, byte for byte; there is no clock and no chance in it.
Rule 2: one token is one word, and usage tells what was truly generated.
Rule 3: dialect files are pure (`Asked` → `Answer`); only `sending` and `server` touch the network.
"""
