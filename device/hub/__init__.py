"""Hands, memory and display. It has the network; it has no camera and no microphone, and never imports `sense`."""
