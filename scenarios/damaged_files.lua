-- What is damaged is none of the log's entries: the marker of the store, the hard state, a snapshot, or
-- the store is another node's. A node that cannot know what it promised does not start, and the others
-- go on without it; one that has lost no promise gets from them what it lacks.
local function damaging(what)
  return function()
    local c = cluster{ nodes = 3, snapshot_every = 8, snapshot_trailing = 0, segment_bytes = 400 }
    c:wait_leader()
    local node, cl = c:others("leader")[1], c:client()
    local function put(first, last)
      for i = first, last do expect.ok(cl:put("k" .. i, i)) end
    end
    put(1, 10)
    if what == "newest_snapshot" then
      fault.at("snapshot.replace.unlink"):on(node):times(1):call(function()
        node:crash{ unsynced = "keep" }
      end)
    end
    put(11, 20)
    sleep_ms(100)
    node:crash{ unsynced = "keep" }
    local snapshots = {}
    for _, name in ipairs(node.disk:files()) do
      if name:find("^snapshot%-") then snapshots[#snapshots + 1] = name end
    end
    if what == "marker" then
      node.disk:bitrot{ file = "store", offset = 20 }
    elseif what == "hard_state" then
      node.disk:bitrot{ file = "hard-state", offset = 9 }
      node.disk:bitrot{ file = "hard-state", offset = 4096 + 9 }
    elseif what == "foreign" then
      local other = c:others({c:leader(), node})[1]
      node.disk:restore(other.disk:copy())
    else
      expect.eq(#snapshots, what == "snapshot" and 1 or 2, "snapshots on the disk")
      node.disk:bitrot{ file = snapshots[#snapshots], offset = 170 }
    end
    node:restart()
    local starts = what == "newest_snapshot" or what == "snapshot"
    expect.eq(node.up, starts, "whether it starts")
    put(21, 30)
    if starts then
      expect.eventually("the node has everything again", { within_ms = 2000, poll_ms = 20 }, function()
        return node.applied_index == c:leader().applied_index
      end)
    end
    for i = 1, 30 do expect.eq(cl:get("k" .. i), i) end
  end
end

for what, doc in pairs{
  marker = "The file that says whose store it is has rotted: the node does not start.",
  hard_state = "Both copies of a follower's term and vote have rotted: it does not start, and votes no more.",
  snapshot = "The only snapshot has rotted, and the log before it is gone: the node gets another one.",
  newest_snapshot = "The newest of two snapshots has rotted: the one before and the log behind it take its place.",
  foreign = "A node finds the store of another one on its disk: it does not start.",
} do
  scenario{
    name  = "damaged_" .. what,
    doc   = doc,
    tags  = {"disk", "recovery", "damage"},
    seeds = 3,
    run   = damaging(what),
  }
end
