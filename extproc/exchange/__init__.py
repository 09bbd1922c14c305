"""One exchange: a state machine from events to actions, without sockets, clocks or protobuf.

``machine`` holds the table of what each event does in each phase, ``events`` what goes in and out, ``request_steps``
and ``response_steps`` what the table calls, ``response`` the protocol of the ways to take a response's body, ``state``
what is known of the exchange meanwhile, ``snapshot`` the compiled configuration.
"""
