---@meta squall
-- The interface of scenarios, for lua-language-server. Never run.
-- "(exact)" makes the server underline options that do not exist.

---A node, its number, its name ("n2"), a role, or a list of these.
---@alias Selector Node|integer|"leader"|"follower"|"candidate"|"learner"|"any"|string|(Node|integer|string)[]
---@alias MessageType "append_req"|"append_rep"|"vote_req"|"vote_rep"|"prevote_req"|"prevote_rep"|"install_req"|"install_rep"|"repair_req"|"repair_rep"|"timeout_now"|"any"
---@alias Errno "EAGAIN"|"EDQUOT"|"EIO"|"ENOMEM"|"ENOSPC"|"EREADONLY"
---@alias Outcome "null"|"eio"|"enospc"|"short"|"refuse"|"error"|"take"|"crash_before"|"crash_after"
---@alias EventKind "leader_elected"|"stepped_down"|"committed"|"applied"|"crashed"|"restarted"|"message_sent"|"message_dropped"|"fault_fired"|"disk_error"|"partitioned"|"healed"|"client_reply"
---@alias Unsynced "lose"|"keep"|"torn"|"random"
---@alias DiskOperation "open"|"create"|"read"|"write"|"sync"|"fsync"|"truncate"|"close"|"unlink"|"rename"|"sync_dir"|"list"
---@alias Holder "log"|"storage"|"replication"|"apply"|"request"|"message"|"loading"
---@alias Scalar string|number|boolean

---------------------------------------------------------------------------- scenarios
---@class (exact) Budget
---@field sim_ms? number   simulated time (60000)
---@field events? integer  simulated events (2000000)
---@field wall_s? integer  real seconds until the worker gives up (30)

---@class (exact) Checks
---@field raft? boolean     the safety rules of Raft (true)
---@field leaks? boolean    nothing is owned after a stop (true)
---@field vacuous? boolean  a fault or network rule without any effect is a finding (true)
---@field linearizable? boolean  for each key, one order explains what the clients saw (true)

---@class (exact) KnownBug
---@field id string     where the bug is recorded
---@field fails string  the check that must fail

---@class (exact) Scenario
---@field name string                    letters, digits, "-", "_", "."
---@field doc? string                    what it shows, in a sentence
---@field tags? string[]
---@field params? table<string, any>     name = {default, "meaning", min =, max =, oneof =}
---@field seeds? integer|integer[]       how many seeds a plain run takes, or which (1)
---@field sweep? table<string, Scalar[]> values of parameters: every combination is run
---@field budget? Budget
---@field checks? Checks
---@field finish? "heal"|"as_is"         what follows run: heal and converge, or stop at once
---@field known_bug? KnownBug
---@field run fun(p: table)              may wait

---@param s Scenario
function scenario(s) end

---------------------------------------------------------------------- time and tasks
---@class Timer
local Timer = {}
function Timer:cancel() end
---@class Task
local Task = {}
---Waits until the task has ended.
function Task:join() end
function Task:cancel() end

---@param n number
function sleep_ms(n) end
---@param n number
function sleep_us(n) end
---@return number
function now_ms() end
---@return integer
function now_us() end
---Starts a task after a delay; like every timer's function, fn may wait.
---@param delay number
---@param fn fun()
---@return Timer
function after_ms(delay, fn) end
---@param time number  of the virtual clock
---@param fn fun()
---@return Timer
function at_ms(time, fn) end
---@param period number
---@param fn fun()
---@return Timer
function every_ms(period, fn) end
---@param fn fun(...)
---@return Task
function spawn(fn, ...) end

---@class Event
---@field kind EventKind
---@field time_us integer
---@field node? Node
---@field term integer
---@field index integer
---@field site? string
---@class Hook
local Hook = {}
function Hook:off() end
---Calls fn at the end of each event in which something of this kind happened. fn cannot wait.
---@overload fun(kind: EventKind, fn: fun(ev: Event)): Hook
---@param kind EventKind
---@param o { node?: Selector }
---@param fn fun(ev: Event)
---@return Hook
function on(kind, o, fn) end

------------------------------------------------------------------------------ cluster
---@class (exact) NodeOptions
---@field catch_up_rounds? integer   rounds in which an added voter must catch up (10)
---@field catch_up_ms? number        and the time that it has (5000)
---@field election_min_ms? number    (150)
---@field election_max_ms? number    (300)
---@field heartbeat_ms? number       (50)
---@field retry_ms? number           pause before refused work is tried again (20)
---@field batch_entries? integer     in one message and in one write (64)
---@field batch_bytes? integer       (65536)
---@field window_messages? integer   unanswered appends to a follower (8)
---@field payload_bytes? integer     largest command (16384)
---@field pending_requests? integer  (256)
---@field segment_bytes? integer     (65536)
---@field append_errors? integer     failed appends in a row before a node fails (3)
---@field prevote? boolean           (true)
---@field check_quorum? boolean      (true)
---@field log_memory_max? integer    bytes of applied entries that stay in memory; others are read again (16 MiB)
---@field snapshot_every? integer    applied entries between snapshots, 0: on request only (1024)
---@field snapshot_trailing? integer entries kept in the log before a snapshot (128)
---@field snapshot_bytes? integer    of a piece of a snapshot (65536)
---@field snapshot_installs? integer followers that are sent a snapshot at one time (2)
---@field lease_reads? boolean       reads within the lease wait for nobody (false)
---@field clock_drift_ppm? integer   how far clocks may be off, for the lease (1000)
---@field quarantine? boolean        start, in quarantine, without a term and vote that are lost (false)

---@class (exact) RestartOptions : NodeOptions
---@field sut? "first"|"next"        the implementation it is of from now on: that of --sut, or that of
---                                  --sut-next, without which "next" is the first as well

---@class (exact) ClusterOptions : NodeOptions
---@field nodes? integer             1..15, the voters that the cluster begins with (3)
---@field learners? integer          further nodes, added as learners once somebody leads (0)
---@field witnesses? integer[]       which of the voters are witnesses
---@field priorities? integer[]      of n1, n2, …, for leadership: 0..255 (0)
---@field latency_ms? number         one way, every link (1)
---@field jitter_ms? number          (1)
---@field clock_offset_ms? number    clocks begin apart from each other, by so much at most (0)
---@field disk_read_ms? number       mean (0.1)
---@field disk_write_ms? number      mean (0.2)
---@field disk_sync_ms? number       mean (1)
---@field apply_ms? number           mean time of the state machine for a batch (0.1)
---@field sessions? integer          clients that a state machine remembers, 1..64 (64)
---@field revert_failed_sync? boolean  a failed sync loses the content of the cache, too (false)

---@class Cluster
---@field size integer
---@field disk Disk       all disks; every call names its nodes
---@field [integer] Node
local Cluster = {}
---One a run.
---@param o? ClusterOptions
---@return Cluster
function cluster(o) end
---@return Node[]
function Cluster:nodes() end
---The leader of the highest term that is up, or nil.
---@return Node?
function Cluster:leader() end
---Everyone who takes itself for the leader.
---@return Node[]
function Cluster:leaders() end
---@return Node[]
function Cluster:followers() end
---@param x Selector
---@return Node[]
function Cluster:others(x) end
---Waits; an expectation fails after within_ms (5000).
---@param o? { within_ms?: number, other_than?: Selector }
---@return Node
function Cluster:wait_leader(o) end
---@generic T
---@param list T[]
---@return T
function Cluster:pick(list) end
---@return Node[]
function Cluster:random_minority() end
---@return Node[]
function Cluster:random_majority() end
---Whether all nodes that are up hold and have applied what is committed, and agree on a leader.
---@return boolean
function Cluster:converged() end
---@class Member
---@field node Node
---@field kind "voter"|"witness"|"learner"|"leaving"
---@field priority integer
---@field outgoing boolean  it also votes in the configuration that is being left
---The members that the leader goes by, or nil without a leader.
---@return Member[]?
function Cluster:members() end
---@class (exact) AddOptions
---@field learner? boolean      it gets the log and does not vote (false)
---@field witness? boolean      it votes and has no data; what a node is it is for good (false)
---@field priority? integer     for leadership (0)
---@field node? Selector        somebody who is there and no member; none: a new node
---@field instead_of? Selector  who is removed in the same change
---@field within_ms? number     for how long a refused change is asked for again (5000)
---Adds a member, and waits until the change is committed: the node, or nil and an error ("busy",
---"no_leader", "invalid", "aborted": it did not catch up; "unknown": it may yet be committed).
---@param o? AddOptions
---@return Node?, string?
function Cluster:add(o) end
---Likewise: true, or nil and an error.
---@param x Selector
---@param o? { within_ms?: number }
---@return true?, string?
function Cluster:remove(x, o) end
---A learner becomes a voter. For a witness give witness = true: it can be nothing else, nor can anybody
---else become one ("invalid").
---@param x Selector
---@param o? { witness?: boolean, priority?: integer, within_ms?: number }
---@return true?, string?
function Cluster:promote(x, o) end
---A voter becomes a learner.
---@param x Selector
---@param o? { within_ms?: number }
---@return true?, string?
function Cluster:demote(x, o) end
---The greatest index known to be committed.
---@return integer
function Cluster:committed() end

------------------------------------------------------------------------------ network
---@class NetRule
---@field hits integer  messages that it took: of loss, dup … chance decides then what comes of each
local NetRule = {}
---No finding if it has no effect on any message.
---@return NetRule
function NetRule:optional() end
function NetRule:heal() end
function NetRule:clear() end
---Delivers what a hold rule has kept back, in order unless it shuffles, and ends it.
function NetRule:release() end

---@class (exact) Match
---@field from? Selector
---@field to? Selector
---@field type? MessageType
---@field nth? integer
---@field from_nth? integer  the nth and all that follow
---@field every? integer
---@field times? integer
---@field p? number
---@field for_ms? number
---@field optional? boolean  no finding if it has no effect on any message

---@class (exact) Hold : Match
---@field shuffle? boolean  released in a random order

---@class (exact) LinkOptions : Match
---@field both? boolean          in both directions
---@field latency_ms? number     added
---@field jitter_ms? number      added
---@field tail? number           probability of a delay with a heavy tail
---@field tail_ms? number        its least; every doubling is half as likely
---@field loss? number           probability
---@field burst_ms? number       mean time for which a loss of a link goes on
---@field dup? number            probability
---@field reorder? number        probability
---@field corrupt? number        probability of a flipped bit
---@field truncate? number       probability that only a first part arrives
---@field reset? number          probability that the connection breaks: of what is under way a first part arrives
---@field bandwidth_kbps? integer of each link
---@field capacity? integer      messages under way on a link; one more evicts a random one

---Two or more groups; the last may be "rest".
---@param ... Selector|"rest"
---@return NetRule
function Cluster:partition(...) end
---Like a partition, but the first selector's nodes are in no group and reach everyone.
---@param x Selector
---@param ... Selector|"rest"
---@return NetRule
function Cluster:bridge(x, ...) end
---Each node reaches its neighbours by number only: a majority, and no two the same. 4 nodes at least.
---@return NetRule
function Cluster:ring() end
---Cuts each of the nodes off from everyone.
---@param x Selector
---@return NetRule
function Cluster:isolate(x) end
---Also what is under way.
---@param o { from: Selector, to: Selector, both?: boolean, for_ms?: number, optional?: boolean }
---@return NetRule
function Cluster:cut(o) end
---@param o LinkOptions
---@return NetRule
function Cluster:link(o) end
---@param o Match
---@return NetRule
function Cluster:drop(o) end
---@param o Hold
---@return NetRule
function Cluster:hold(o) end
---Ends every rule.
function Cluster:heal() end

-------------------------------------------------------------------------------- nodes
---What was set on a device: a finding if it never mattered, unless it is optional.
---@class Effect
---@field hits integer  how often it mattered
local Effect = {}
---@return Effect
function Effect:optional() end

---@class Node
---@field id integer
---@field name string
---@field role "leader"|"follower"|"candidate"|"learner"|"down"
---@field state "up"|"down"|"stopping"|"stopped"|"failed"
---@field condition "running"|"nospace"|"recovering"|"quarantined"|"failed"  by its own word
---@field term integer
---@field commit_index integer
---@field applied_index integer
---@field last_index integer
---@field snapshot_index integer  of the last entry in its snapshot, 0: it has none
---@field installing boolean      it is receiving a snapshot, or putting one in place
---@field first_index integer     of its log
---@field cold_index integer      its log up to here is on its disk, and not in memory; 0: no entry of it
---@field log_bytes integer       that its log takes in memory
---@field durable_index integer
---@field member "voter"|"witness"|"learner"|"leaving"|"none"  by its own word
---@field change "none"|"catching up"|"joint"|"leaving"  how far its change of the members is
---@field configuration_index integer  of the configuration that it goes by; 0: that of the beginning
---@field is_joint boolean             that configuration has two sides
---@field up boolean
---@field disk Disk
---@field mem Mem
---@field clock Clock
local Node = {}
---@return boolean
function Node:is_leader() end
---@param o? { unsynced?: Unsynced }  what happens to writes that are not durable ("lose")
function Node:crash(o) end
---With options, it has them from now on; it must be down then.
---@param o? RestartOptions
function Node:restart(o) end
---Asks for a stop in good order.
function Node:stop() end
---Nothing reaches the process until it is resumed; its clock goes on.
---@return Effect
function Node:pause() end
function Node:resume() end
---Campaigns now. False: it may not.
---@return boolean
function Node:campaign() end
---Takes a snapshot of its state machine. False: one is under way, or there is nothing new.
---@return boolean
function Node:snapshot() end
---A leader hands leadership to another node; true if it has begun to.
---@param to Selector
---@return boolean
function Node:transfer(to) end
---Unsafe recovery: the node goes by a configuration of these voters, whatever its log says.
---@param voters Selector
---@return boolean
function Node:recover(voters) end
---The machine is switched off and never comes back.
function Node:retire() end
---@param read_only boolean
function Node:set_readonly(read_only) end

---@class (exact) DiskFailure
---@field op DiskOperation
---@field errno? Errno       ("EIO")
---@field node? Selector     only of c.disk, and required there
---@field nth? integer
---@field from_nth? integer  the nth and all that follow
---@field every? integer
---@field times? integer
---@field p? number
---@field for_ms? number
---@field optional? boolean
---@class Disk
local Disk = {}
---@param o DiskFailure
---@return Fault
function Disk:fail(o) end
---heavy: the latency is the least of a heavy tail.
---@param o { latency_ms: number, heavy?: boolean, op?: DiskOperation, p?: number, for_ms?: number, node?: Selector }
---@return Fault
function Disk:slow(o) end
---Operations are taken and not answered until the disk is healed.
---@param o? { op?: DiskOperation, nth?: integer, from_nth?: integer, every?: integer, times?: integer, p?: number, optional?: boolean, node?: Selector }
---@return Fault
function Disk:stall(o) end
---Leaves so many bytes (0).
---@param o? { free_bytes?: integer, node?: Selector }
---@return Effect
function Disk:fill(o) end
---Frees space, ends the rules made through this object, and lets stalled operations go on.
function Disk:heal() end

---@class (exact) DiskLie
---@field nth? integer
---@field from_nth? integer
---@field every? integer
---@field times? integer
---@field p? number
---@field for_ms? number
---@field optional? boolean
---@field node? Selector
---A write and its sync succeed, but after the next crash of the machine the old bytes are there.
---@param o? DiskLie
---@return Fault
function Disk:lose(o) end
---The same, and the written bytes lie over others of the same disk.
---@param o? DiskLie
---@return Fault
function Disk:misdirect(o) end
---Flips bits (1) of durable bytes: of one file (any), of the byte at an offset (anywhere).
---@param o? { file?: string, offset?: integer, bits?: integer, node?: Selector }
function Disk:bitrot(o) end
---The names of what is durable.
---@return string[]
function Disk:files() end
---Of a node that is down: a file is gone.
---@param file string
function Disk:remove(file) end
---Of a node that is down: everything is gone.
function Disk:wipe() end
---@class Copy
---The durable content as it is now, with its damage.
---@return Copy
function Disk:copy() end
---Of a node that is down: its store is as it once was. Raft does not survive that by itself.
---@param copy Copy
function Disk:restore(copy) end

---@class Mem
local Mem = {}
---@param o? { nth?: integer, from_nth?: integer, every?: integer, times?: integer, p?: number, for_ms?: number, optional?: boolean }
---@return Fault
function Mem:fail(o) end
---@param n? integer  bytes the process may have; none: no limit
---@return Effect?
function Mem:limit_bytes(n) end
---What the process holds: references to log entries (of one holder), blocks, bytes.
---@param kind "log_entry"|"block"|"byte"
---@param holder? Holder
---@return integer
function Mem:live(kind, holder) end

---@class Clock
local Clock = {}
---@param n integer  parts in a million, + is fast
---@return Effect?
function Clock:drift_ppm(n) end
---@param n number   negative: the process sees it stand still
---@return Effect
function Clock:jump_ms(n) end
---Stands still until it is told to drift, or heals.
---@return Effect
function Clock:freeze() end
---Forward by a step, back by it, and so on, once a period.
---@param o { step_ms: number, period_ms: number }
---@return Effect
function Clock:strobe(o) end
---Timers come late, with probability p (1): by by_ms at least, with a heavy tail.
---@param o { p?: number, by_ms: number }
---@return Effect
function Clock:late(o) end
---Drift, strobe and late timers end.
function Clock:heal() end

------------------------------------------------------------------------------- faults
---@class Fault
---@field hits integer  how often it fired
---@field seen integer  how often it was consulted
local Fault = {}
---@param s Selector
---@return Fault
function Fault:on(s) end
---@param n integer
---@return Fault
function Fault:nth(n) end
---The nth and all that follow.
---@param n integer
---@return Fault
function Fault:from_nth(n) end
---@param n integer
---@return Fault
function Fault:every(n) end
---@param n integer
---@return Fault
function Fault:times(n) end
---@param p number
---@return Fault
function Fault:p(p) end
---@param n number
---@return Fault
function Fault:for_ms(n) end
---@param fn fun(at: { node: Node, site: string, time_us: integer }): boolean
---@return Fault
function Fault:when(fn) end
---@param e Errno
---@return Fault
function Fault:errno(e) end
---@param o Outcome
---@return Fault
function Fault:outcome(o) end
---@param n number
---@return Fault
function Fault:delay_ms(n) end
---The node dies, before ("before", unless said) or behind what it does at the point: an operation of its
---disk, or a message ("message.send.refused").
---@param side? "before"|"after"
---@return Fault
function Fault:crash(side) end
---Only a first part is transferred: at most so many bytes (at random, perhaps none).
---@param bytes? integer
---@return Fault
function Fault:short(bytes) end
---A write reports success and is lost; see Disk:lose.
---@return Fault
function Fault:lose() end
---A write reports success and lands elsewhere; see Disk:misdirect.
---@return Fault
function Fault:misdirect() end
---A hand-over is refused.
---@return Fault
function Fault:drop() end
---Only looks: fn is called each time the rule fires.
---@param fn fun(at: { node: Node, site: string, time_us: integer })
---@return Fault
function Fault:call(fn) end
---No finding if it never fires.
---@return Fault
function Fault:optional() end
function Fault:off() end

fault = {}
---@param pattern string  "*" is one part of a name, "**" any number
---@return Fault
function fault.at(pattern) end
---The points that a pattern names; with an outcome, those that declare it.
---@param pattern? string
---@param outcome? Outcome
---@return string[]
function fault.points(pattern, outcome) end
---Ends every rule.
function fault.clear() end

------------------------------------------------------------------------------ clients
---@class (exact) OperationOptions
---@field timeout_ms? number
---@field padding_bytes? integer  makes the entry larger
---@field by_index? boolean       a get without a log entry (ReadIndex)
---@class Client
local Client = {}
---@param key string
---@param value Scalar
---@param o? OperationOptions
---@return true?
---@return string? err
function Client:put(key, value, o) end
---@param key string
---@param o? OperationOptions
---@return Scalar?
---@return string? err
function Client:get(key, o) end
---@param key string
---@param old Scalar
---@param new Scalar
---@param o? OperationOptions
---@return true?
---@return string? err  "mismatch": done, but the value was another
function Client:cas(key, old, new, o) end
---@param o? { timeout_ms?: number }
---@return Client
function Cluster:client(o) end

---@class (exact) LoadOptions
---@field clients? integer     1..32 (3)
---@field rate_per_s? integer  of all clients together (100)
---@field keys? integer        (5)
---@field mix? { put?: integer, get?: integer, cas?: integer }
---@field for_ms? number
---@field padding_bytes? integer
---@field by_index? boolean  gets go without a log entry (ReadIndex)
---@class Load
---@field ok_count integer
---@field err_count integer
---@field unknown_count integer
local Load = {}
function Load:stop() end
---Waits until it has ended.
function Load:wait() end
---@param o? LoadOptions
---@return Load
function Cluster:load(o) end

---@class Operation
---@field client integer
---@field op "put"|"get"|"cas"
---@field key string
---@field value? Scalar
---@field expected? Scalar
---@field swapped? boolean
---@field outcome "ok"|"fail"|"unknown"|"open"
---@field error string
---@field invoked_us integer
---@field completed_us? integer
---@param o? { key?: string }
---@return Operation[]
function Cluster:history(o) end

------------------------------------------------------------------------- expectations
---@class Check
local Check = {}
function Check:stop() end
expect = {}
---Waits until fn returns something true, and returns it.
---@generic T
---@param sentence string
---@param o { within_ms: number, poll_ms?: number }
---@param fn fun(): T
---@return T
function expect.eventually(sentence, o, fn) end
---Holds after every event from now on, or after every event of a kind.
---@overload fun(sentence: string, fn: fun(): any): Check
---@param sentence string
---@param o { on?: EventKind }
---@param fn fun(): any
---@return Check
function expect.always(sentence, o, fn) end
---@overload fun(sentence: string, fn: fun(): any): Check
---@param sentence string
---@param o { on?: EventKind }
---@param fn fun(): any
---@return Check
function expect.never(sentence, o, fn) end
---@generic T
---@param v T
---@param message? string
---@return T
function expect.ok(v, message) end
---@param got any
---@param expected any
---@param message? string
function expect.eq(got, expected, message) end
---@param text string  occurs in the error
---@param fn fun()
function expect.error(text, fn) end
---A kind of event, or a fault point, was reached so often; an exit counts when it was taken.
---@param name string
---@param o? { min?: integer }
function expect.reached(name, o) end
---For each key, one order explains what the clients have seen so far. At the end of the run this is
---checked anyway.
function expect.linearizable() end
---@param o? { within_ms?: number }
function expect.converged(o) end

-------------------------------------------------------------------------------- misc
---@class Rng
local Rng = {}
---@param low integer
---@param high integer
---@return integer
function Rng:int(low, high) end
---@param p number
---@return boolean
function Rng:chance(p) end
---@generic T
---@param list T[]
---@return T
function Rng:pick(list) end
---A stream of its own for each name.
---@param name string
---@return Rng
function rng(name) end
---A line of the transcript.
---@param format string
function log(format, ...) end
---@param first integer
---@param last integer
---@param step? integer
---@return integer[]
function range(first, last, step) end
---A mark in the transcript.
---@param label? string
function breakpoint(label) end
