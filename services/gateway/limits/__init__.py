"""What bounds the use of the gateway: rates by identity and address, and the number of calls that are in work.

    bounded_storage    counters of rates in memory, with a bound
    rates              a rate a minute, and its headers
    address_limit      by address, before authentication
    identity_limit     by identity, after it
    socket_limit       the open sockets of one identity, and of one address
    call_slots         at most so many calls at once, and so many that wait
    admission          the same for the calls of the API: protects PostgreSQL and NATS

All of it is for each process: two copies of the gateway allow twice as much.
"""
