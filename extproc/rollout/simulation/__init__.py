"""Rollouts of declared traffic, thousands at once: how often a decision is false, and how soon harm is found.

``traffic.py`` draws who asks, ``signals.py`` what is measured of the answer, ``arms.py`` adds it up by arm and step,
and ``walks.py`` lets rollouts decide. Evidence is that of ``extproc/statistics``: the very functions of a real rollout.
Chance is a generator that is passed in, so a seed gives the same figures.
"""
