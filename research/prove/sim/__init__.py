"""The production actors of a live engine on one thread, in virtual time, against the sandbox's exchange machine."""
