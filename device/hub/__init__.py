"""The process with the network: history, rules, actions and the page. It has no devices and never imports `sense`."""
