"""The scripts that the store runs. Source: Redis's manual on EVAL; numbers in Lua are doubles.

A limit of a key is a text: `LEVEL AT TOTAL BORN`. The level is what is reserved and not paid off, in units, at a time
of the store's clock [µs]. It is written in full: a rounded one that is written often is paid off too fast, or never.
The total is all that was reserved since the key was born: as in ``LimitMemory``, only what is still to be paid off is
given back. A step back of the clock pays nothing off, and locks nobody out.

Exchanges at a time are a sorted set of leases by their ends: those of a process that has died end by themselves.
"""

from __future__ import annotations

from typing import Final

KEY_PREFIX: Final = "llm-extproc:{limits}:"
"""The braces keep all keys of a call in one slot of a cluster."""

_COMMON: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function write(key, limit, window_us, state)
  local left_ms = math.ceil(state.level * window_us / limit / 1000) + 1000
  local text = string.format('%.17g %.0f %.0f %.0f', state.level, now, state.total, state.born)
  for tier, share in pairs(state.shares) do
    text = text .. string.format(' %s:%.0f:%.0f', tier, share.own, share.asked)
    left_ms = math.max(left_ms, 11000)
  end
  redis.call('SET', key, text, 'PX', left_ms)
end

local function read(key, limit, window_us)
  local state = {level = 0, total = 0, born = now, shares = {}}
  local raw = redis.call('GET', key)
  if not raw then return state end
  local level, at, total, born = string.match(raw, '^(%S+) (%S+) (%S+) (%S+)')
  state.level, state.total, state.born = tonumber(level), tonumber(total), tonumber(born)
  for tier, own, asked in string.gmatch(raw, ' (%d+):(%d+):(%d+)') do
    state.shares[tier] = {own = tonumber(own), asked = tonumber(asked)}
  end
  local passed = now - tonumber(at)
  if passed > 0 then
    state.level = math.max(0, state.level - passed * limit / window_us)
  elseif passed < 0 then
    for _, share in pairs(state.shares) do share.own, share.asked = now, now end
    write(key, limit, window_us, state)
  end
  return state
end
"""

RESERVE: Final = (
    _COMMON
    + """
local function ratio(state, tier, weights)
  local by_tier, asking = {['0'] = 1}, 0
  local number = 0
  for weight in string.gmatch(weights, '%d+') do
    number = number + 1
    by_tier[tostring(number)] = tonumber(weight)
  end
  for name, share in pairs(state.shares) do
    if now - share.asked <= 10000000 then asking = asking + (by_tier[name] or 1) end
  end
  return math.max(asking, by_tier[tier] or 1) / (by_tier[tier] or 1)
end

local function wait_of(state, burst, tier, weights)
  local unit_us = state.window_us / state.limit
  local cost, ahead, burst_us = state.amount * unit_us, state.level * unit_us, burst * unit_us
  local whole = ahead + cost - burst_us
  if weights == '' then return whole end
  local share = state.shares[tier] or {own = 0}
  share.asked = now
  state.shares[tier] = share
  state.own = cost * ratio(state, tier, weights)
  if ahead == 0 then return whole end
  local borrowed, own, own_ahead = ahead + cost - burst_us / 2, 0, math.max(share.own - now, 0)
  if own_ahead > 0 then own = own_ahead + state.own - burst_us / 2 end
  return math.min(borrowed, math.max(own, whole))
end

local lease, lease_ms = ARGV[1], tonumber(ARGV[2])
local states, admitted = {}, 1
for i, key in ipairs(KEYS) do
  local a = 3 + (i - 1) * 7
  local amount, limit, window_us = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local state
  if window_us == 0 then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    state = {level = redis.call('ZCARD', key)}
    state.wait = state.level + 1 - limit
  else
    state = read(key, limit, window_us)
    state.amount, state.limit, state.window_us = amount, limit, window_us
    state.tier, state.weights = ARGV[a + 5], ARGV[a + 6]
    state.wait = wait_of(state, tonumber(ARGV[a + 3]), state.tier, state.weights)
    state.burst_us = ARGV[a + 3] * window_us / limit
  end
  state.at_a_time = window_us == 0
  state.fits = amount == 0 or state.wait <= 0.001
  if ARGV[a + 4] == '1' and not state.fits then admitted = 0 end
  states[i] = state
end
local told = {admitted}
for i, key in ipairs(KEYS) do
  local state, held, mark = states[i], 0, ''
  if admitted == 1 and state.fits then
    held = 1
    if state.at_a_time then
      state.level = state.level + 1
      redis.call('ZADD', key, now + lease_ms * 1000, lease)
      redis.call('PEXPIRE', key, lease_ms)
    else
      state.level, state.total = state.level + state.amount, state.total + state.amount
      if state.own then
        local share = state.shares[state.tier]
        share.own = math.min(math.max(share.own, now) + state.own, now + state.burst_us + state.own)
      end
    end
  end
  if not state.at_a_time then
    if held == 1 or state.own then write(key, state.limit, state.window_us, state) end
    mark = string.format('%.0f %.0f', state.total, state.born)
    if state.own and state.amount > 0 then
      mark = mark .. string.format(' %s %.6f', state.tier, state.own / state.amount)
    end
  end
  told[#told + 1] = held
  told[#told + 1] = string.format('%.6f', state.level)
  told[#told + 1] = mark
  told[#told + 1] = string.format('%.0f', math.ceil(state.wait))
end
return told
"""
)
"""KEYS: of the limits. ARGV: lease, its length [ms], then for each limit its amount, limit, window [µs; 0: at a time],
burst, whether it is enforced, the tier's number, and the weights of tiers (empty: they do not share it). Returns:
whether all fit, then for each whether it is held, its level, its mark, and how long until there is room [µs].

A tier's share is as in ``TierShares``; after the other numbers the text has `TIER:OWN:ASKED` for each tier.
"""

SETTLE: Final = (
    _COMMON
    + """
local told = {}
for i, key in ipairs(KEYS) do
  local a = 1 + (i - 1) * 5
  local change, limit, window_us = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local debt, mark = tonumber(ARGV[a + 3]), ARGV[a + 4]
  if window_us == 0 then
    redis.call('ZREM', key, mark)
    told[i] = ''
  else
    local state = read(key, limit, window_us)
    local place, of, tier, own = string.match(mark, '^(%S+) (%S+) ?(%S*) ?(%S*)$')
    if change >= 0 then
      state.level = math.max(state.level, math.min(state.level + change, debt))
      state.total = state.total + change
    elseif place and tonumber(of) == state.born and tonumber(place) <= state.total then
      local behind = state.total - tonumber(place)
      state.level = state.level - math.min(-change, math.max(state.level - behind, 0))
    end
    local share = tier and state.shares[tier]
    if share then share.own = math.max(math.max(share.own, now) + change * tonumber(own), now) end
    write(key, limit, window_us, state)
    told[i] = string.format('%.6f', state.level)
  end
end
return told
"""
)
"""KEYS: of the limits. ARGV: for each limit the change of its amount, its limit, window [µs; 0: at a time], debt, and
the mark of the claim (of a lease: its name). Returns: the level of each.
"""

RENEW: Final = (
    _COMMON
    + """
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + tonumber(ARGV[2]) * 1000, ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2])
end
return 1
"""
)
"""KEYS: of limits of exchanges at a time. ARGV: lease, its length [ms]. It is there again if the store has lost it."""
