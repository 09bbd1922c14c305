"""One exchange: a state machine from events to actions, without sockets, clocks or protobuf.

``machine`` is the table of phases at work, ``events`` what goes in and out, ``request`` and ``answer`` and ``stream``
what is done in a phase, ``snapshot`` the compiled configuration.
"""
