"""What a person asks for as one call: protect a folder, prove a folder. Command line and app are faces of it."""
