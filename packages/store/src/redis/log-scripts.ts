/**
 * The Lua scripts of the Redis log, each of which is one atomic step. A run is a hash (`t` the last offset, `e` the
 * newest epoch, `w` the writer of that epoch, `o` the outcome, `x` the last offset that was dropped, `b` bytes, `c` the
 * id of the call that created it) and a stream. An entry of the stream is a batch of events: its id is the offset of
 * the last one, `p` the offset before the first, `e` their JSON as an array, and `o` the outcome if the last one is the
 * terminal entry.
 *
 * Before a script says that a run is unknown, it writes something without effect (PEXPIRE of a key that is not there):
 * a primary that has become a replica refuses that, and may lack the run only because it is copying the new primary.
 */

/** KEYS hash, stream. ARGV ttl, id of the call. → 1 when the run is new, to a repeat of the call too. */
export const createScript = `
local run = redis.call('HMGET', KEYS[1], 't', 'c')
if run[1] then return run[1] == '' and run[2] == ARGV[2] and 1 or 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 't', '', 'b', 0, 'c', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`;

/** The result of an append. */
export const appendReply = { done: 0, gone: 1, closed: 2, fenced: 3, behind: 4 } as const;

/**
 * KEYS the prefix of the runs' hashes, to which the run's id is added; the stream's key is that of the hash and `:s`.
 * ARGV writer, ttl of open runs, ttl of ended runs, bytes kept per run, and the batches of all runs as one text,
 * because every key and argument costs. The text has a line for each run: the length of its id in bytes, the id, the
 * batch's id, the last offset that Redis has confirmed, and the events, separated by spaces. Before the events, which
 * begin with a bracket, there may be `!` (renew the ttl) and an outcome. → `index, reply, last offset` of each run that
 * was not done, flat: almost always empty.
 *
 * A later epoch takes the run over; an earlier one, or another writer in the same epoch, is fenced off. Entries that
 * are there already count as done. `behind` means that the log has lost entries whose write it had confirmed: Redis was
 * restarted from an old snapshot.
 */
export const appendScript = `
local function after(x, y)
  if y == '' then return x ~= '' end
  if x == '' then return false end
  local a, b = string.match(x, '^(%d+)%-(%d+)$')
  local c, d = string.match(y, '^(%d+)%-(%d+)$')
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  return a > c or (a == c and b > d)
end
local writer, limit, text = ARGV[1], tonumber(ARGV[4]), ARGV[5]
local function append(m, id, before, flag, events)
  local meta = redis.call('HMGET', m, 't', 'e', 'w', 'o', 'b')
  local tail, newest, closed = meta[1], meta[2], meta[4]
  if not tail then
    redis.call('PEXPIRE', m, 1)
    return 1, ''
  end
  local epoch = string.match(id, '^%d+')
  local isSame = epoch == newest and writer == meta[3]
  -- Almost always the writer that was there goes on where it was; all the rest is about the other cases.
  if closed or not isSame or before ~= tail then
    local isEarlier = tonumber(epoch) < tonumber(newest or 0)
    if isEarlier or (epoch == newest and not isSame) then return closed and 2 or 3, tail end
    if isSame and not after(id, tail) then return 0, tail end
    if closed then return 2, tail end
    if after(before, tail) then return 4, tail end
  end
  local outcome = flag ~= '' and string.match(flag, '%l+')
  local s = m .. ':s'
  local added
  if tail == '' and outcome then added = redis.pcall('XADD', s, id, 'p', tail, 'e', events, 'o', outcome)
  elseif tail == '' then added = redis.pcall('XADD', s, id, 'p', tail, 'e', events)
  elseif outcome then added = redis.pcall('XADD', s, 'NOMKSTREAM', id, 'p', tail, 'e', events, 'o', outcome)
  else added = redis.pcall('XADD', s, 'NOMKSTREAM', id, 'p', tail, 'e', events) end
  if type(added) ~= 'string' then
    -- The stream is gone, or holds a tombstone. Redis refuses anything else (a replica, no memory) only for now.
    if not added or string.find(added.err, 'XADD', 1, true) then return 1, tail end
    error(added.err)
  end
  local bytes = meta[5] + #events
  while bytes > limit do
    local oldest = redis.call('XRANGE', s, '-', '+', 'COUNT', 2)
    if #oldest < 2 then break end
    redis.call('XDEL', s, oldest[1][1])
    redis.call('HSET', m, 'x', oldest[1][1])
    bytes = bytes - #oldest[1][2][4]
  end
  if isSame then redis.call('HSET', m, 't', id, 'b', bytes)
  else redis.call('HSET', m, 't', id, 'b', bytes, 'e', epoch, 'w', writer) end
  if outcome then redis.call('HSET', m, 'o', outcome) end
  if flag ~= '' then
    local ttl = outcome and ARGV[3] or ARGV[2]
    redis.call('PEXPIRE', m, ttl)
    redis.call('PEXPIRE', s, ttl)
  end
  return 0, id
end
local replies = {}
local index, from = 0, 1
while from <= #text do
  local length, named = string.match(text, '^(%d+) ()', from)
  local past = named + length
  local id, before, flag, start = string.match(text, '^ (%S+) (%S*) ([!%l]*)()', past)
  local stop = string.find(text, '\\n', start, true)
  local reply, tail = append(KEYS[1] .. string.sub(text, named, past - 1), id, before, flag, string.sub(text, start, stop - 1))
  if reply ~= 0 then
    local at = #replies
    replies[at + 1], replies[at + 2], replies[at + 3] = index, reply, tail
  end
  index, from = index + 1, stop + 1
end
return replies`;

/**
 * KEYS hash, stream, record of the run's lease. ARGV after or '', how many batches. → nothing for an unknown run,
 * `['expired']`, or `[last offset, outcome or '', batches, outcome in the lease or '']`.
 */
export const pageScript = `
local meta = redis.call('HMGET', KEYS[1], 't', 'o', 'x')
if not meta[1] or (meta[1] ~= '' and redis.call('EXISTS', KEYS[2]) == 0) then
  redis.call('PEXPIRE', KEYS[1] .. ':none', 1)
  return false
end
local after = ARGV[1]
if meta[3] then
  if after == '' then return {'expired'} end
  local a, b = string.match(after, '^(%d+)%-(%d+)$')
  local c, d = string.match(meta[3], '^(%d+)%-(%d+)$')
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  if a < c or (a == c and b < d) then return {'expired'} end
end
local batches = redis.call('XRANGE', KEYS[2], after == '' and '-' or '(' .. after, '+', 'COUNT', ARGV[2])
return {meta[1], meta[2] or '', batches, redis.call('HGET', KEYS[3], 'outcome') or ''}`;

/**
 * KEYS hash, stream. ARGV how long the tombstone stays in the stream for readers on other machines, in milliseconds.
 */
export const deleteScript = `
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('DEL', KEYS[2])
redis.call('XADD', KEYS[2], '*', 'x', '1')
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1`;
