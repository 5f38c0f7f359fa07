"""The MQTT broker, and Home Assistant's discovery on it."""
