"""Philips Hue lights."""

from device.hub.actions.hue.bridge import build as build
