"""The process with a network: history, rules, actions and the page. It has no devices and never imports `sense`."""
