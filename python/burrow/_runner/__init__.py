"""The process inside a container that runs the user's function. See docs/runner-protocol.md."""
