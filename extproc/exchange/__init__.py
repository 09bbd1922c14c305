"""One exchange: a state machine from events to commands, without sockets, clocks or protobuf.

``machine`` holds the transition table: the effect of each event in each phase. ``events`` defines input and output.
``request_steps`` and ``response_steps`` are the functions that the table calls. ``response`` is the protocol of all
handlers of a response body, ``state`` the state of an exchange, ``snapshot`` the compiled configuration.
"""
