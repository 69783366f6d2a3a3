"""What is shared with other houses. Needs the extra `stix`; nothing else of the gateway does."""
