/**
 * The Lua scripts of the Redis lease, each of which is one atomic step timed by Redis's clock. A run is a hash
 * (`thread`, `epoch`, `resumable`, `user`, `outcome`, `stop`, `call`); the key of a thread names the run that holds it;
 * a sorted set holds the expiry of each lease. The line of a thread is a sorted set of runs, scored by place, with a
 * hash of the machine that each belongs to, and one key per machine that expires when the machine has not been heard
 * from. A waiting run has its hash too, in epoch 0, which is valid for as long as its place is. All keys share a hash
 * slot, so a script may go from a thread to its run, and from a line to its machines and runs.
 */

/**
 * A write without effect, by which a primary that has become a replica refuses the script: what it has may be old, or
 * gone while it copies the new primary, and "no such run" would be believed.
 */
const onPrimary = `
redis.call('PEXPIRE', KEYS[1] .. ':none', 1)
`;

const shared = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function record(key, id)
  local run = redis.call('HMGET', key, 'thread', 'epoch', 'resumable', 'outcome', 'user')
  if not run[1] then return false end
  return {id, run[1], run[2], run[3], run[4] or '', run[5] or ''}
end
`;

/**
 * Functions for lines. `runs` is the prefix of the runs' keys. The hashes of waiting runs are not renewed with their
 * places, which would cost one command each: they are deleted with the place, or expire after a day if nobody looks at
 * the line again.
 */
const inLine = `
local function isHeardOf(line, machine)
  return machine and redis.call('EXISTS', line .. ':machine:' .. machine) == 1
end
local function keep(line, machine, ttl)
  redis.call('PEXPIRE', line, ttl)
  redis.call('PEXPIRE', line .. ':of', ttl)
  redis.call('PEXPIRE', line .. ':machine:' .. machine, ttl)
end
local function place(line, machine, run, ttl)
  if not isHeardOf(line, redis.call('HGET', line .. ':of', run)) then
    redis.call('HSET', line .. ':of', run, machine)
    local last = redis.call('ZRANGE', line, -1, -1, 'WITHSCORES')
    redis.call('ZADD', line, 'NX', (last[2] or 0) + 1, run)
  end
  redis.call('SET', line .. ':machine:' .. machine, '')
  keep(line, machine, ttl)
end
local function note(key, thread, resumable, user)
  if redis.call('EXISTS', key) == 1 then return end
  redis.call('HSET', key, 'thread', thread, 'epoch', 0, 'resumable', resumable)
  if user ~= '' then redis.call('HSET', key, 'user', user) end
  redis.call('PEXPIRE', key, 86400000)
end
local function isWaiting(key)
  local run = redis.call('HMGET', key, 'epoch', 'outcome')
  return run[1] == '0' and not run[2]
end
local function remove(line, run)
  redis.call('ZREM', line, run)
  redis.call('HDEL', line .. ':of', run)
end
local function first(line, runs)
  while true do
    local run = redis.call('ZRANGE', line, 0, 0)[1]
    if not run then return nil, nil end
    local machine = redis.call('HGET', line .. ':of', run)
    if isHeardOf(line, machine) then return run, machine end
    remove(line, run)
    if isWaiting(runs .. run) then redis.call('DEL', runs .. run) end
  end
end
`;

/**
 * KEYS thread, run, leases, line. ARGV run id, thread id, resumable, ttl, prefix of runs, user or '', machine or '', id
 * of the call. → `[granted, record or nothing, 1 if others wait behind the run]`. A repeated call gets what it was
 * granted.
 */
export const acquireScript = `${onPrimary}${shared}${inLine}
local known = record(KEYS[2], ARGV[1])
if known and not isWaiting(KEYS[2]) then
  local isOurs = known[3] == '1' and known[5] == '' and redis.call('HGET', KEYS[2], 'call') == ARGV[8]
  return {isOurs and 1 or 0, known, isOurs and first(KEYS[4], ARGV[5]) and 1 or 0}
end
local holder = redis.call('GET', KEYS[1])
local held = holder and record(ARGV[5] .. holder, holder)
if held and held[5] ~= '' then held = false end
local head, turn = first(KEYS[4], ARGV[5])
if held or (turn and turn ~= ARGV[7]) then
  if ARGV[7] ~= '' then
    place(KEYS[4], ARGV[7], ARGV[1], ARGV[4])
    note(KEYS[2], ARGV[2], ARGV[3], ARGV[6])
  end
  return {0, held}
end
if turn then
  place(KEYS[4], turn, ARGV[1], ARGV[4])
  if redis.call('HGET', KEYS[4] .. ':of', ARGV[1]) == turn then
    redis.call('ZADD', KEYS[4], redis.call('ZSCORE', KEYS[4], ARGV[1]), head)
  end
  remove(KEYS[4], ARGV[1])
end
redis.call('HSET', KEYS[2], 'thread', ARGV[2], 'epoch', 1, 'resumable', ARGV[3], 'call', ARGV[8])
if ARGV[6] ~= '' then redis.call('HSET', KEYS[2], 'user', ARGV[6]) end
redis.call('PERSIST', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[3], now() + ARGV[4], ARGV[1])
return {1, record(KEYS[2], ARGV[1]), first(KEYS[4], ARGV[5]) and 1 or 0}`;

/** KEYS line, run. ARGV run id, machine, ttl, thread id, resumable, user or ''. */
export const queueScript = `${inLine}
place(KEYS[1], ARGV[2], ARGV[1], ARGV[3])
note(KEYS[2], ARGV[4], ARGV[5], ARGV[6])`;

const tellIfFree = `
local function tellIfFree(thread, line, id, channel)
  if redis.call('EXISTS', line) == 1 and redis.call('EXISTS', thread) == 0 then
    redis.call('PUBLISH', channel, cjson.encode({id}))
  end
end
`;

/** Keeps the record of a run with its outcome for a while; deletes it without an outcome. */
const finish = `
local function finish(key, outcome, ms)
  if outcome == '' then
    redis.call('DEL', key)
  else
    redis.call('HSET', key, 'outcome', outcome)
    redis.call('PEXPIRE', key, ms)
  end
end
`;

/** KEYS thread, line, run. ARGV run id, thread id, machine, channel, outcome or '', how long the record is kept. */
export const leaveScript = `${onPrimary}${inLine}${tellIfFree}${finish}
if redis.call('HGET', KEYS[2] .. ':of', ARGV[1]) == ARGV[3] then
  remove(KEYS[2], ARGV[1])
  if isWaiting(KEYS[3]) then
    finish(KEYS[3], ARGV[5], ARGV[6])
  end
end
tellIfFree(KEYS[1], KEYS[2], ARGV[2], ARGV[4])`;

/** KEYS run, leases, line. ARGV run id, epoch, ttl, machine or ''. → `[held, stop or '']`. */
export const renewScript = `${onPrimary}${shared}${inLine}
if ARGV[4] ~= '' then keep(KEYS[3], ARGV[4], ARGV[3]) end
local run = redis.call('HMGET', KEYS[1], 'epoch', 'outcome', 'stop')
local time = now()
local expiry = redis.call('ZSCORE', KEYS[2], ARGV[1])
if run[1] ~= ARGV[2] or run[2] or not expiry or tonumber(expiry) <= time then return {0, ''} end
redis.call('ZADD', KEYS[2], time + ARGV[3], ARGV[1])
return {1, run[3] or ''}`;

/**
 * KEYS run, thread, leases, line. ARGV run id, epoch, outcome or '', how long the record is kept, thread id, channel.
 * Without an outcome the record is deleted.
 */
export const releaseScript = `${onPrimary}${tellIfFree}${finish}
local run = redis.call('HMGET', KEYS[1], 'epoch', 'outcome')
if run[1] ~= ARGV[2] or run[2] then return 0 end
finish(KEYS[1], ARGV[3], ARGV[4])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
redis.call('ZREM', KEYS[3], ARGV[1])
tellIfFree(KEYS[2], KEYS[4], ARGV[5], ARGV[6])
return 1`;

/** Whether the run of a key is known; a waiting run is only while its place is valid. */
const known = `
local function isKnown(key, id, lines)
  local thread = redis.call('HGET', key, 'thread')
  if not thread or not isWaiting(key) then return thread end
  local line = lines .. thread
  return isHeardOf(line, redis.call('HGET', line .. ':of', id))
end
`;

/** KEYS run. ARGV run id, prefix of lines. → record or nothing. */
export const findScript = `${shared}${inLine}${known}
if isKnown(KEYS[1], ARGV[1], ARGV[2]) then return record(KEYS[1], ARGV[1]) end
${onPrimary}
return false`;

/** KEYS thread. ARGV prefix of runs. → record of the run in progress or nothing. */
export const activeScript = `${shared}
local holder = redis.call('GET', KEYS[1])
local held = holder and record(ARGV[1] .. holder, holder)
return held and held[5] == '' and held`;

/** KEYS run. ARGV run id, cause, channel, prefix of lines. The first cause counts. */
export const stopScript = `${onPrimary}${inLine}${known}
if not isKnown(KEYS[1], ARGV[1], ARGV[4]) or redis.call('HEXISTS', KEYS[1], 'outcome') == 1 then return 0 end
redis.call('HSETNX', KEYS[1], 'stop', ARGV[2])
redis.call('PUBLISH', ARGV[3], cjson.encode({ARGV[1], ARGV[2]}))
return 1`;

/** KEYS leases. ARGV ttl, prefix of runs, how many at most. → records under their new epochs. */
export const reapScript = `${shared}
local time = now()
local reaped = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time, 'LIMIT', 0, ARGV[3])) do
  local key = ARGV[2] .. id
  if redis.call('HEXISTS', key, 'thread') == 1 and redis.call('HEXISTS', key, 'outcome') == 0 then
    redis.call('HINCRBY', key, 'epoch', 1)
    redis.call('ZADD', KEYS[1], time + ARGV[1], id)
    reaped[#reaped + 1] = record(key, id)
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return reaped`;
