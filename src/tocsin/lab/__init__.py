"""The demo application and its attackers, each a process of its own."""
