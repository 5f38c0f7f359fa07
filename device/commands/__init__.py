"""What each command does; device/cli.py knows what each takes. May use both rooms; nothing else uses this."""
