"""How many alerts a notification of each channel has at most, so that its size is bounded. Pure."""

from collections.abc import Mapping

from services.monitor.notifications.channels import slack
from shared.rpc.receivers import Channel

MOST_ALERTS: Mapping[Channel, int] = {
    Channel.WEBHOOK: 200,
    Channel.EMAIL: 200,
    Channel.SLACK: slack.MOST_ALERTS,
    Channel.ALERTMANAGER: 200,
}
