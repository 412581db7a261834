"""The forms of a notification: a webhook's body, Slack's message, Alertmanager's alerts, an e-mail. Pure."""
