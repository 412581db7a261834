"""Alerts, as far as the monitor and the gateway both know them. Pure.

rule             a rule, as REST has it and as it is stored
destinations     where notifications may be sent; addresses: which networks are private
"""
