"""The pure core: from concurrent sessions and an SLA target to replicas, resources, cost and alternatives.

load, erlang, availability, capacity   offered load; Erlang B and C; k of n; what one replica carries
dimensioning                           replicas of one service on one GPU type
chosen, choice_warnings                the replicas that a tenant chose instead, and what it lacks with them
placement, planning                    the cheapest GPU types for all services of a tenant
cost, presets, reasons                 what a plan costs, which preset fits, why it has so many replicas
service_sizings, alternatives          the result in the contract's form
tenant_sizing                          a whole tenant: `size`
sizer                                  the same with this process's catalogue, whose version the sizing has
recommendation                         requests and limits from observed usage
"""
