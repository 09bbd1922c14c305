"""The scripts that the store runs. Source: Redis's manual on EVAL; numbers in Lua are doubles.

A limit of a key is a text: `LEVEL AT TOTAL BORN`. The level is what is reserved and not paid off, in units, at a time
of the store's clock [µs]. The total is all that was reserved since the key was born: as in ``LimitMemory``, only what
is still to be paid off is given back. A step back of the clock pays nothing off, and locks nobody out.

Exchanges at a time are a sorted set of leases by their ends: those of a process that has died end by themselves.
"""

from __future__ import annotations

from typing import Final

KEY_PREFIX: Final = "llm-extproc:{limits}:"
"""The braces keep all keys of a call in one slot of a cluster."""

_COMMON: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function write(key, limit, window_us, level, total, born)
  local left_ms = math.ceil(level * window_us / limit / 1000) + 1000
  redis.call('SET', key, string.format('%.6f %.0f %.0f %.0f', level, now, total, born), 'PX', left_ms)
end

local function read(key, limit, window_us)
  local raw = redis.call('GET', key)
  if not raw then return 0, 0, now end
  local level, at, total, born = string.match(raw, '^(%S+) (%S+) (%S+) (%S+)$')
  level, total, born = tonumber(level), tonumber(total), tonumber(born)
  local passed = now - tonumber(at)
  if passed > 0 then
    level = math.max(0, level - passed * limit / window_us)
  elseif passed < 0 then
    write(key, limit, window_us, level, total, born)
  end
  return level, total, born
end
"""

RESERVE: Final = (
    _COMMON
    + """
local lease, lease_ms = ARGV[1], tonumber(ARGV[2])
local states, admitted = {}, 1
for i, key in ipairs(KEYS) do
  local a = 3 + (i - 1) * 5
  local amount, limit, window_us = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local burst, enforced = tonumber(ARGV[a + 3]), ARGV[a + 4] == '1'
  local state = {amount = amount, limit = limit, window_us = window_us}
  if window_us == 0 then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    state.level = redis.call('ZCARD', key)
    state.fits = state.level + 1 <= limit
  else
    state.level, state.total, state.born = read(key, limit, window_us)
    state.fits = amount == 0 or state.level + amount <= burst + 0.000001
  end
  if enforced and not state.fits then admitted = 0 end
  states[i] = state
end
local told = {admitted}
for i, key in ipairs(KEYS) do
  local state, held = states[i], 0
  if admitted == 1 and state.fits then
    held = 1
    if state.window_us == 0 then
      state.level = state.level + 1
      redis.call('ZADD', key, now + lease_ms * 1000, lease)
      redis.call('PEXPIRE', key, lease_ms)
    else
      state.level, state.total = state.level + state.amount, state.total + state.amount
      write(key, state.limit, state.window_us, state.level, state.total, state.born)
    end
  end
  local mark = ''
  if state.window_us > 0 then mark = string.format('%.0f %.0f', state.total, state.born) end
  told[#told + 1] = held
  told[#told + 1] = string.format('%.6f', state.level)
  told[#told + 1] = mark
end
return told
"""
)
"""KEYS: of the limits. ARGV: lease, its length [ms], then for each limit its amount, limit, window [µs; 0: at a time],
burst, and whether it is enforced. Returns: whether all fit, then for each whether it is held, its level and its mark.
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
    local level, total, born = read(key, limit, window_us)
    if change < 0 then
      local place, of = string.match(mark, '^(%S+) (%S+)$')
      if place and tonumber(of) == born and tonumber(place) <= total then
        local behind = total - tonumber(place)
        level = level - math.min(-change, math.max(level - behind, 0))
      end
    else
      level, total = math.max(level, math.min(level + change, debt)), total + change
    end
    write(key, limit, window_us, level, total, born)
    told[i] = string.format('%.6f', level)
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
