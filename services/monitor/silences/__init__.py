"""Silences, and maintenance that repeats: which alerts are not notified of, and since when and until when.

recurrence       the occurrences of what repeats: time zones, days of the week and the month, Korean holidays. Pure
muting           which silence or maintenance window mutes an alert at a moment. Pure
preview          which alerts of the past a silence would have muted. Pure
silence_store    the table of silences, and the requests that change it
listener         marks the alerts of a transition that are muted, before incidents and notifications see them
recurring_maintenance   announces the next windows of what repeats
ending           passes an alert on when what muted it has ended, and it still fires
"""
